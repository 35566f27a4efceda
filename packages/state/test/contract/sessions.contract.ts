import fc from 'fast-check';
import type { SessionAnswer, SessionRequest } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { beat, idOf } from './records.ts';
import { pass } from './time.ts';

const QUIET_MS = 5_000;

/** A viewer that asks for a session: alice's television at home, unless said otherwise. */
function request(id: string, fields: Partial<SessionRequest> = {}): SessionRequest {
  const { ip = '192.0.2.7', streamId = idOf(1), player = 'tv' } = fields;
  return {
    ...{ id, user: 'alice', ip, place: ip, player, streamId, clientId: `client of ${id}` },
    ...{ node: 'w1', userAgent: 'VLC/3.0.20', limit: 0, quietMs: QUIET_MS },
    ...fields,
  };
}

/** What a touch says of it. */
function touchOf({ id, user, place }: SessionRequest): { id: string; user: string; place: string } {
  return { id, user, place };
}

export function describeSessions(store: () => Store): void {
  const start = (id: string, fields: Partial<SessionRequest> = {}): Promise<SessionAnswer> =>
    store().state.startSession(request(id, fields));
  const touch = async (...requests: SessionRequest[]): Promise<string> =>
    (await store().state.touchSessions('w1', requests.map(touchOf))).join(' ');
  const ids = async (filter: { user?: string; streamId?: string } = {}): Promise<string> =>
    (await store().state.listSessions(filter)).items.map(({ id }) => id).join(' ');
  const told = async (): Promise<string[]> => {
    const events = await store().state.readEvents();
    return events.map(({ type, data }) => [type, data.sessionId, data.reason].filter(Boolean).join(' '));
  };

  test('a session is what its viewer was, until that leaves', async () => {
    const { state } = store();
    const asked = request('s1', { ip: '2001:db8::7', user: 'Ålice: "TV" %', userAgent: 'a "b"\\', limit: 3 });
    expect(await state.startSession(asked)).toEqual({ granted: true, sessionId: 's1', active: 1, limit: 3 });
    const { limit, quietMs, ...shown } = asked;
    const record = { ...shown, startedAtMs: expect.any(Number), lastActiveMs: expect.any(Number) };
    expect(await state.getSession('s1')).toEqual(record);
    expect(await state.listSessions()).toEqual({ items: [record] });
    expect(await state.countSessions(asked.user)).toBe(1);
    expect(await state.countSessions('alice')).toBe(0);
    // Another node has it by now, says the store: this one's word does not count.
    expect(await state.endSession('s1', { by: 'viewer', node: 'w2' })).toBeUndefined();
    expect(await state.endSession('s1', { by: 'viewer', node: 'w1' })).toEqual(record);
    expect(await state.endSession('s1', { by: 'viewer', node: 'w1' })).toBeUndefined();
    expect(await state.getSession('s1')).toBeUndefined();
    expect(await state.countSessions(asked.user)).toBe(0);
    expect(await touch(asked)).toBe('unknown');
    expect(await told()).toEqual(['session_started s1', 'session_ended s1 left']);
    expect((await state.readEvents())[1]).toMatchObject({
      streamId: idOf(1),
      data: { user: asked.user, ip: '2001:db8::7', clientId: 'client of s1', node: 'w1' },
    });
  });

  test('at the limit the next one is refused, and two at once never both come in', async () => {
    const { state, connect } = store();
    const other = await connect();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? other : state).startSession(request(`s${i}`, { ip: `192.0.2.${i}`, limit: 1 })),
      ),
    );
    expect(answers.filter(({ granted }) => granted)).toHaveLength(1);
    expect(answers.filter(({ granted }) => !granted)[18]).toEqual({
      ...{ granted: false, reason: 'limit', active: 1, limit: 1 },
    });
    expect(await other.countSessions('alice')).toBe(1);
    expect(await start('bob', { user: 'bob', limit: 1 })).toMatchObject({ granted: true, active: 1 });
    expect((await told()).filter((event) => event === 'session_refused')).toHaveLength(19);
    await other.close();
  });

  test('from one address the newer stream or player replaces the older one at once, at any limit', async () => {
    const { state } = store();
    await start('s1', { limit: 1 });
    const first = await state.getSession('s1');
    expect(await start('s2', { streamId: idOf(2), limit: 1, node: 'w2' })).toEqual({
      ...{ granted: true, sessionId: 's2', active: 1, limit: 1, replaced: first },
    });
    expect(await touch(request('s1'), request('s2'))).toBe('replaced ok');
    expect(await start('s3', { streamId: idOf(2), player: 'phone', limit: 1 })).toMatchObject({
      replaced: { id: 's2', player: 'tv' },
    });
    expect(await touch(request('s1'), request('s2'), request('s3'))).toBe('replaced replaced ok');
    expect(await ids()).toBe('s3');
    expect(await told()).toEqual([
      ...['session_started s1', 'session_ended s1 replaced', 'session_started s2'],
      ...['session_ended s2 replaced', 'session_started s3'],
    ]);
  });

  test('the same player on the same stream goes on with its session, from whichever node', async () => {
    const { state } = store();
    await start('s1', { limit: 1 });
    const again = { clientId: 'another socket', node: 'w2', limit: 1 };
    expect(await start('s2', again)).toEqual({ granted: true, sessionId: 's1', active: 1, limit: 1 });
    expect(await state.getSession('s1')).toMatchObject({ clientId: 'another socket', node: 'w2' });
    await state.touchSessions('w"3\\', [touchOf(request('s1'))]);
    expect(await state.getSession('s1')).toMatchObject({ node: 'w"3\\', userAgent: 'VLC/3.0.20' });
    expect(await touch(request('s1'))).toBe('ok');
    expect(await state.getSession('s1')).toMatchObject({ node: 'w1', user: 'alice', ip: '192.0.2.7' });
    expect(await told()).toEqual(['session_started s1']);
  });

  test('who was replaced by another player waits before it may take the place back; who zaps does not', async () => {
    await start('a');
    await start('b', { streamId: idOf(2) });
    // The same player is back where it was a moment ago.
    expect(await start('c')).toMatchObject({ granted: true, replaced: { id: 'b' } });
    await start('d', { player: 'phone', streamId: idOf(2) });
    expect(await start('e')).toEqual({ granted: false, reason: 'replaced' });
    expect(await start('f', { streamId: idOf(3) })).toMatchObject({ granted: true });
    await start('g', { player: 'phone', streamId: idOf(3) });
    expect(await start('h', { streamId: idOf(3) })).toEqual({ granted: false, reason: 'replaced' });
    await pass(store(), QUIET_MS * 2);
    expect(await start('i', { streamId: idOf(3) })).toMatchObject({ granted: true });
    // Nobody is in its place any more: it may come back at once.
    await start('j', { player: 'phone' });
    await store().state.endSession('j', { by: 'viewer', node: 'w1' });
    expect(await start('k', { streamId: idOf(3) })).toMatchObject({ granted: true });
  });

  test('two that look like one player do not take the place from each other for ever', async () => {
    const outcomes: string[] = [];
    for (let i = 0; i < 12; i++) {
      const answer = await start(`s${i}`, { streamId: idOf(i % 2) });
      outcomes.push(answer.granted ? 'in' : answer.reason);
      await pass(store(), 1_000);
    }
    expect(outcomes.slice(0, 8)).toEqual(Array(8).fill('in'));
    expect(outcomes.slice(8)).toContain('replaced');
    await pass(store(), QUIET_MS * 2);
    expect(await start('later', { streamId: idOf(outcomes.indexOf('replaced') % 2) })).toMatchObject({
      ...{ granted: true, sessionId: 'later' },
    });
  });

  test('one that zaps fast between two streams, or has named itself, is not taken for two', async () => {
    for (let i = 0; i < 12; i++)
      expect(await start(`fast${i}`, { streamId: idOf(i % 2) })).toMatchObject({ granted: true });
    await pass(store(), QUIET_MS * 2);
    for (let i = 0; i < 12; i++) {
      const answer = await start(`named${i}`, { streamId: idOf(i % 2), player: 'id 7', isOnePlayer: true });
      expect(answer).toMatchObject({ granted: true });
      await pass(store(), 1_000);
    }
  });

  test('an operator ends it: its viewer is told so, and may not come back at once', async () => {
    const { state } = store();
    await start('s1');
    expect(await state.endSession('s1', { by: 'operator' })).toMatchObject({ id: 's1', node: 'w1' });
    expect(await touch(request('s1'))).toBe('ended');
    expect(await start('s2')).toEqual({ granted: false, reason: 'ended' });
    expect(await start('s3', { streamId: idOf(2) })).toMatchObject({ granted: true });
    await pass(store(), QUIET_MS * 2);
    expect(await touch(request('s1'))).toBe('ended');
    expect(await start('s4')).toMatchObject({ granted: true });
    await pass(store(), 100_000);
    expect(await touch(request('s1'))).toBe('unknown');
    expect(await told()).toContain('session_ended s1 ended');
  });

  test('what is not touched expires: it counts no more, and the next start of the user clears it away', async () => {
    const { state, sessionTimeoutMs } = store();
    await start('silent', { ip: '192.0.2.1' });
    await start('touched', { ip: '192.0.2.2' });
    await pass(store(), sessionTimeoutMs * 0.7);
    expect(await touch(request('touched', { ip: '192.0.2.2' }))).toBe('ok');
    expect(await start('third', { ip: '192.0.2.3', limit: 2 })).toMatchObject({ reason: 'limit', active: 2 });
    await pass(store(), sessionTimeoutMs * 0.7);
    expect(await ids()).toBe('touched');
    expect(await state.countSessions('alice')).toBe(1);
    expect(await start('fourth', { ip: '192.0.2.4', limit: 2 })).toMatchObject({ granted: true, active: 2 });
    expect(await state.getSession('silent')).toBeUndefined();
    expect(await touch(request('silent', { ip: '192.0.2.1' }))).toBe('unknown');
    expect(await told()).toContain('session_ended silent idle');
  });

  test('the sweep removes what has expired, so many at once, and tells of each', async () => {
    const { state, sessionTimeoutMs } = store();
    for (let i = 0; i < 5; i++) await start(`s${i}`, { user: `user ${i}` });
    expect(await state.expireSessions(10)).toBe(0);
    await pass(store(), sessionTimeoutMs * 1.2);
    await start('new', { user: 'user 9' });
    expect(await state.expireSessions(3)).toBe(3);
    expect(await state.expireSessions(3)).toBe(2);
    expect(await state.expireSessions(3)).toBe(0);
    expect(await ids()).toBe('new');
    expect((await told()).filter((event) => event.endsWith(' idle'))).toHaveLength(5);
  });

  test('touched before anybody else came, one that had expired lives on', async () => {
    const { sessionTimeoutMs } = store();
    await start('s1');
    await pass(store(), sessionTimeoutMs * 1.2);
    expect(await ids()).toBe('');
    expect(await touch(request('s1'))).toBe('ok');
    expect(await ids()).toBe('s1');
  });

  test('nobody expires while nobody is heard', async () => {
    const { state, advance, sessionTimeoutMs } = store();
    await state.heartbeat(beat('w1'));
    await start('s1');
    await advance(sessionTimeoutMs * 10);
    expect(await state.expireSessions(10)).toBe(0);
    expect(await ids()).toBe('s1');
  });

  test('a viewer that was there all along is taken up again at any limit, but in nobody’s place', async () => {
    const resumed = { ip: '192.0.2.1', limit: 1, resumes: true };
    await start('s1', { ip: '192.0.2.2', limit: 1 });
    expect(await start('s2', resumed)).toMatchObject({ granted: true, sessionId: 's2', active: 2 });
    expect(await start('s2', resumed)).toMatchObject({ granted: true, sessionId: 's2', active: 2 });
    expect(await start('s3', { ...resumed, player: 'phone' })).toEqual({
      ...{ granted: false, reason: 'replaced' },
    });
    expect(await start('s4', { ip: '192.0.2.3', limit: 1 })).toMatchObject({ reason: 'limit', active: 2 });
  });

  test('what was said of a user goes before what the node says', async () => {
    const { state } = store();
    expect(await state.getUser('alice')).toBeUndefined();
    await state.putUser({ name: 'alice', maxSessions: 2 });
    await state.putUser({ name: 'alice', maxSessions: 1 });
    expect(await state.getUser('alice')).toEqual({ name: 'alice', maxSessions: 1 });
    await start('s1', { ip: '192.0.2.1', limit: 9 });
    expect(await start('s2', { ip: '192.0.2.2', limit: 9 })).toMatchObject({ reason: 'limit', limit: 1 });
    await state.putUser({ name: 'alice', maxSessions: 0 });
    expect(await start('s2', { ip: '192.0.2.2', limit: 1 })).toMatchObject({ granted: true, limit: 0 });
    expect(await state.removeUser('alice')).toBe(true);
    expect(await state.removeUser('alice')).toBe(false);
    expect(await start('s3', { ip: '192.0.2.3', limit: 2 })).toMatchObject({ reason: 'limit', limit: 2 });
  });

  test('pages, by user and by stream', async () => {
    const { state } = store();
    for (let i = 0; i < 7; i++) {
      const streamId = idOf(i % 2);
      await start(`s${i}`, { user: i < 4 ? 'alice' : 'bob', ip: `192.0.2.${i}`, streamId });
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await state.listSessions({ limit: 3, ...(after !== undefined && { after }) });
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(seen.join(' ')).toBe('s0 s1 s2 s3 s4 s5 s6');
    expect(await ids({ user: 'alice' })).toBe('s0 s1 s2 s3');
    expect(await ids({ streamId: idOf(0) })).toBe('s0 s2 s4 s6');
    expect(await ids({ streamId: idOf(0), user: 'bob' })).toBe('s4 s6');
    expect(await state.listSessions({ user: 'alice', limit: 3, after: 's0' })).toMatchObject({
      items: [{ id: 's1' }, { id: 's2' }, { id: 's3' }],
    });
    expect(await ids({ user: 'nobody' })).toBe('');
    await expect(state.listSessions({ after: 'no cursor!' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  test('whatever users and players are called, nobody meets another’s session', async () => {
    const { state } = store();
    const name = fc.string({
      minLength: 1,
      maxLength: 12,
      unit: fc.constantFrom(...'a:%=/{}*é\n"\\\ud800'.split('')),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, name), { minLength: 2, maxLength: 6 }),
        async (places) => {
          const mine = places.map(([user, place], i) =>
            request(`s${i}`, { user: user.toWellFormed(), place: place.toWellFormed() }),
          );
          const seen = new Set(mine.map(({ user, place }) => JSON.stringify([user, place])));
          for (const one of mine) await state.startSession(one);
          const answers = await state.touchSessions('w1', mine.map(touchOf));
          const alive = answers.filter((answer) => answer === 'ok').length;
          for (const { id } of mine) await state.endSession(id, { by: 'viewer', node: 'w1' });
          for (const { user } of mine) expect(await state.countSessions(user)).toBe(0);
          expect(alive).toBe(seen.size);
        },
      ),
      { numRuns: 20 },
    );
    const long = 'x'.repeat(250);
    await start('one', { user: `${long}1` });
    expect(await start('two', { user: `${long}2`, limit: 1 })).toMatchObject({ active: 1 });
  });
}

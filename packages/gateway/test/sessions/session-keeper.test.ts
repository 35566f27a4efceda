import { StreampoolError } from '@streampool/errors';
import { type ClusterState, RememberingState, SqliteClusterState } from '@streampool/state';
import type { Clock, EngineEvents } from '@streampool/streaming';
import { pino } from 'pino';
import { SessionKeeper, type SessionKeeperOptions } from '../../src/sessions/session-keeper.ts';
import { DEFAULT_SESSION_SETTINGS, type SessionSettings } from '../../src/sessions/session-settings.ts';
import type { ViewerIdentity } from '../../src/viewers/viewer-identity.ts';

const log = pino({ level: 'silent' });

/** One clock for the store and for all nodes, which stands still unless told. */
class ManualClock implements Clock {
  #now = 1_800_000_000_000;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > until) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
      await settled();
    }
    this.#now = until;
    await settled();
  }
}

/** Touches are gathered for 2 ms of real time. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 4));
}

type Listener = (viewer: { streamId: string; clientId: string }) => void;

/** Viewers of one node, as its engine has them. */
class Viewers {
  readonly here = new Map<string, string>();
  readonly #listeners = { viewer_attached: [] as Listener[], viewer_detached: [] as Listener[] };

  on<K extends keyof EngineEvents>(event: K, listener: (...args: EngineEvents[K]) => void): () => void {
    this.#listeners[event as 'viewer_attached'].push(listener as Listener);
    return () => {};
  }

  attach(clientId: string, streamId: string): void {
    this.here.set(clientId, streamId);
    for (const listener of this.#listeners.viewer_attached) listener({ streamId, clientId });
  }

  disconnect(clientId: string): boolean {
    const streamId = this.here.get(clientId);
    if (streamId === undefined) return false;
    this.here.delete(clientId);
    for (const listener of this.#listeners.viewer_detached) listener({ streamId, clientId });
    return true;
  }
}

let clock: ManualClock;
let store: SqliteClusterState;
let isAway: boolean;
const nodes = new Map<string, Node>();
/** How often the store was asked to renew, and how many sessions. */
let renewals: number[];
/** What nodes were asked to end. */
let ended: string[] = [];

interface Node {
  readonly keeper: SessionKeeper;
  readonly viewers: Viewers;
}

/** The store as a node reaches it. */
function reach(): ClusterState {
  return new Proxy(store, {
    get: (target, name: keyof ClusterState) => {
      return async (...args: unknown[]) => {
        if (isAway) throw new StreampoolError('STATE_UNAVAILABLE', 'away');
        if (name === 'touchSessions') renewals.push((args[1] as unknown[]).length);
        return (target[name] as (...args: unknown[]) => Promise<unknown>)(...args);
      };
    },
  });
}

function node(nodeId: string, fields: Partial<SessionSettings> = {}, peers = true): Node {
  const viewers = new Viewers();
  const options: SessionKeeperOptions = {
    ...{ state: new RememberingState({ state: reach() }), engine: viewers, nodeId, log, clock },
    settings: { ...DEFAULT_SESSION_SETTINGS, ...fields },
    ...(peers && {
      peers: {
        disconnect: async (other, clientId, streamId, { hasMoved = false } = {}) => {
          ended.push(`${clientId}@${other}${hasMoved ? ' has moved' : ''}`);
          const there = nodes.get(other)?.viewers;
          return there?.here.get(clientId) === streamId && there?.disconnect(clientId);
        },
      },
    }),
  };
  const made = { keeper: new SessionKeeper(options), viewers };
  nodes.set(nodeId, made);
  return made;
}

beforeEach(() => {
  clock = new ManualClock();
  store = new SqliteClusterState({ path: ':memory:', now: () => clock.now() });
  isAway = false;
  renewals = [];
});

afterEach(async () => {
  for (const { keeper } of nodes.values()) keeper.close();
  nodes.clear();
  ended = [];
  await store.close();
});

function viewer(clientId: string, fields: Partial<ViewerIdentity> = {}): ViewerIdentity {
  return { clientId, chosen: true, ip: '192.0.2.7', userAgent: 'VLC', username: 'alice', ...fields };
}

/** A television opens a stream, and keeps its socket. */
async function watch({ keeper, viewers }: Node, who: ViewerIdentity, streamId: string): Promise<void> {
  await keeper.start(who, streamId);
  viewers.attach(who.clientId, streamId);
  keeper.settle(who, streamId);
}

async function sessions(): Promise<string[]> {
  const { items } = await store.listSessions();
  return items
    .map(({ user, streamId, node: at, clientId }) => `${user} ${streamId} ${clientId}@${at}`)
    .sort();
}

test('a session lives as long as a socket, renewed in batches, and ends a moment after', async () => {
  const one = node('one');
  for (let i = 0; i < 50; i++) await watch(one, viewer(`c${i}`, { ip: `192.0.2.${i}` }), 's');
  expect(await store.countSessions('alice')).toBe(50);
  await clock.pass(90_000);
  expect(await store.countSessions('alice')).toBe(50);
  // Each about every 10 s, spread over the looks of that time, and never one by one.
  const renewed = renewals.reduce((sum, count) => sum + count, 0);
  expect(renewed).toBeGreaterThanOrEqual(50 * 8);
  expect(renewed).toBeLessThanOrEqual(50 * 13);
  expect(renewals.length).toBeLessThan(180);
  expect(Math.max(...renewals.slice(20))).toBeLessThan(50);
  for (let i = 0; i < 50; i++) one.viewers.disconnect(`c${i}`);
  await clock.pass(500);
  expect(await store.countSessions('alice')).toBe(50);
  await clock.pass(1_500);
  expect(await store.countSessions('alice')).toBe(0);
  expect(one.keeper.active).toBe(0);
});

test('viewers without a name have no session, and no limit', async () => {
  const { username, ...nameless } = viewer('c');
  const one = node('one', { most: 1 });
  for (let i = 0; i < 3; i++) await one.keeper.start({ ...nameless, clientId: `c${i}` }, 's');
  expect(await one.keeper.touch(nameless, 's')).toBe('ok');
  expect(await sessions()).toEqual([]);
});

test('a newer stream ends the older one on whichever node, and the limit holds for other addresses', async () => {
  const [one, two] = [node('one', { perUser: { alice: 1 } }), node('two', { perUser: { alice: 1 } })];
  await watch(one, viewer('tv'), 'a');
  await watch(two, viewer('phone'), 'b');
  await settled();
  expect(one.viewers.here.size).toBe(0);
  expect(await sessions()).toEqual(['alice b phone@two']);
  await expect(one.keeper.start(viewer('tablet', { ip: '192.0.2.8' }), 'a')).rejects.toMatchObject({
    ...{ code: 'USER_LIMIT', status: 429, info: { active: 1, limit: 1 } },
  });
  await one.keeper.start(viewer('tv', { username: 'bob' }), 'a');
  // The television reconnects by itself: it must not take the place back at once.
  await expect(one.keeper.start(viewer('tv'), 'a')).rejects.toMatchObject({ code: 'VIEWER_ENDED' });
  await clock.pass(6_000);
  await watch(one, viewer('tv'), 'a');
  await settled();
  expect(two.viewers.here.size).toBe(0);
});

test('zapping there and back works at once, and ends what went before', async () => {
  const one = node('one', { most: 1 });
  for (const streamId of ['a', 'b', 'a', 'b', 'a']) {
    const clientId = `tv on ${streamId}`;
    await watch(one, viewer(clientId, { chosen: false }), streamId);
    expect([...one.viewers.here]).toEqual([[clientId, streamId]]);
    await clock.pass(300);
  }
  await clock.pass(20_000);
  expect(await sessions()).toEqual(['alice a tv on a@one']);
});

test('another node is told whether the player zaps or another one has its place', async () => {
  const [one, two] = [node('one'), node('two')];
  await watch(one, viewer('tv'), 'a');
  await watch(two, viewer('tv'), 'b');
  await settled();
  expect(ended).toEqual(['tv@one has moved']);
  await watch(one, viewer('phone'), 'a');
  await settled();
  expect(ended.slice(1)).toEqual(['tv@two']);
});

test('a player that reads one stream in several places has one session, until the last has gone', async () => {
  const one = node('one', { most: 1 });
  const places = ['r1', 'r2', 'r3'].map((id) => viewer(id, { chosen: false, userAgent: 'Kodi' }));
  for (const place of places) await watch(one, place, 'film');
  expect(await store.countSessions('alice')).toBe(1);
  for (const { clientId } of places.slice(0, 2)) one.viewers.disconnect(clientId);
  await clock.pass(5_000);
  expect(await store.countSessions('alice')).toBe(1);
  one.viewers.disconnect('r3');
  // It seeks: the next request comes before the session has ended.
  await clock.pass(400);
  await watch(one, viewer('r4', { chosen: false, userAgent: 'Kodi' }), 'film');
  await clock.pass(5_000);
  expect((await store.readEvents()).map(({ type }) => type)).toEqual(['session_started']);
});

test('what a viewer asks for within a moment is one touch; one that was replaced is told so', async () => {
  const one = node('one');
  const tv = viewer('tv');
  await one.keeper.start(tv, 'a');
  one.keeper.settle(tv, 'a');
  for (let i = 0; i < 20; i++) expect(await one.keeper.touch(tv, 'a')).toBe('ok');
  expect(renewals).toEqual([]);
  one.viewers.attach('tv', 'a');
  await clock.pass(2_500);
  await Promise.all([1, 2, 3].map(() => one.keeper.touch(tv, 'a')));
  expect(renewals).toEqual([1]);
  // Another node's viewer takes its place, and nobody tells this one.
  await watch(node('two', {}, false), viewer('phone'), 'b');
  await clock.pass(2_500);
  expect(await one.keeper.touch(tv, 'a')).toBe('replaced');
  expect(one.keeper.wasReplaced(tv, 'a')).toBe(true);
  expect(one.viewers.here.size).toBe(0);
  expect(await one.keeper.touch(tv, 'a')).toBe('replaced');
});

test('polls through another node go on with the same session', async () => {
  const [one, two] = [node('one', { most: 1 }), node('two', { most: 1 })];
  const tv = viewer('tv');
  await watch(one, tv, 'a');
  expect(await two.keeper.touch(tv, 'a')).toBe('ok');
  two.viewers.attach('tv', 'a');
  expect(await sessions()).toEqual(['alice a tv@two']);
  // The first node finds that it asks no more there: not its session to end.
  one.viewers.disconnect('tv');
  await clock.pass(5_000);
  expect(await sessions()).toEqual(['alice a tv@two']);
});

test('an operator ends a session anywhere, and the player is kept out for a moment', async () => {
  const [one, two] = [node('one'), node('two')];
  await watch(one, viewer('tv'), 'a');
  const [{ id } = { id: '' }] = (await store.listSessions()).items;
  expect(await two.keeper.end(id)).toMatchObject({
    confirmed: true,
    session: { user: 'alice', node: 'one' },
  });
  expect(await two.keeper.end(id)).toBeUndefined();
  expect(one.viewers.here.size).toBe(0);
  await expect(one.keeper.start(viewer('tv'), 'a')).rejects.toMatchObject({
    ...{ code: 'VIEWER_ENDED', status: 410, info: { reason: 'ended' } },
  });
  expect(await two.keeper.touch(viewer('tv'), 'a')).toBe('ended');
  await clock.pass(6_000);
  expect(await two.keeper.touch(viewer('tv'), 'a')).toBe('ok');
});

test('while the store is away viewers go on and begin; afterwards it is told of all of them', async () => {
  const one = node('one', { most: 2 });
  await watch(one, viewer('tv'), 'a');
  isAway = true;
  await watch(one, viewer('phone', { ip: '192.0.2.8' }), 'b');
  await watch(one, viewer('tablet', { ip: '192.0.2.9' }), 'c');
  await clock.pass(60_000);
  expect(await one.keeper.touch(viewer('tablet', { ip: '192.0.2.9' }), 'c')).toBe('ok');
  expect(one.viewers.here.size).toBe(3);
  isAway = false;
  await clock.pass(15_000);
  expect(await sessions()).toEqual(['alice a tv@one', 'alice b phone@one', 'alice c tablet@one']);
  expect(one.viewers.here.size).toBe(3);
  await expect(one.keeper.start(viewer('more', { ip: '192.0.2.10' }), 'd')).rejects.toMatchObject({
    code: 'USER_LIMIT',
  });
});

test('a store that came back empty is told of who is there', async () => {
  const one = node('one', { most: 1 });
  await watch(one, viewer('tv'), 'a');
  const { items } = await store.listSessions();
  await store.endSession(items[0]!.id, { by: 'viewer', node: 'one' });
  expect(await sessions()).toEqual([]);
  await clock.pass(12_000);
  expect(await sessions()).toEqual(['alice a tv@one']);
});

test('a viewer that is let in and does not come has no session for long', async () => {
  const one = node('one');
  await one.keeper.start(viewer('tv'), 'a');
  one.keeper.settle(viewer('tv'), 'a');
  await clock.pass(3_000);
  expect(await sessions()).toEqual([]);
  // One whose source takes its time has it for as long as it waits.
  await one.keeper.start(viewer('tv'), 'b');
  await clock.pass(25_000);
  expect(await sessions()).toEqual(['alice b tv@one']);
});

test('a viewer that is replaced on its way in is ended when it arrives', async () => {
  const one = node('one');
  await one.keeper.start(viewer('tv'), 'a');
  await watch(one, viewer('phone'), 'b');
  one.viewers.attach('tv', 'a');
  expect([...one.viewers.here.keys()]).toEqual(['phone']);
});

test('a viewer that is replaced at another node, or ended, while it is on its way in is ended when it arrives', async () => {
  const [one, two] = [node('one'), node('two')];
  await one.keeper.start(viewer('tv'), 'a');
  await watch(two, viewer('phone'), 'b');
  await settled();
  one.viewers.attach('tv', 'a');
  await settled();
  expect([one.viewers.here.size, two.viewers.here.size]).toEqual([0, 1]);

  await one.keeper.start(viewer('laptop', { username: 'bob' }), 'a');
  const [session] = (await store.listSessions({ user: 'bob' })).items;
  await two.keeper.end(session?.id ?? '');
  one.viewers.attach('laptop', 'a');
  await settled();
  expect(one.viewers.here.size).toBe(0);
});

test('SESSION_SCOPE=player: two players at one address have a session each', async () => {
  const one = node('one', { scope: 'player', most: 2 });
  await watch(one, viewer('tv'), 'a');
  await watch(one, viewer('phone'), 'b');
  expect(one.viewers.here.size).toBe(2);
  await watch(one, viewer('tv'), 'c');
  expect([...one.viewers.here]).toEqual([
    ['phone', 'b'],
    ['tv', 'c'],
  ]);
  await expect(one.keeper.start(viewer('third'), 'd')).rejects.toMatchObject({ code: 'USER_LIMIT' });
});

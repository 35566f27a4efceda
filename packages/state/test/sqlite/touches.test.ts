import { SqliteClusterState } from '../../src/index.ts';
import { temporaryFile } from './temporary-file.ts';

const START_MS = 1_800_000_000_000;
let file: ReturnType<typeof temporaryFile>;
let nowMs = START_MS;
let one: SqliteClusterState;
let other: SqliteClusterState;

beforeEach(async () => {
  file = temporaryFile();
  nowMs = START_MS;
  const open = () => new SqliteClusterState({ path: file.path, now: () => nowMs });
  [one, other] = [open(), open()];
  await one.startSession({
    ...{ id: 's', user: 'alice', ip: '192.0.2.7', place: '192.0.2.7', player: 'tv', streamId: 'news' },
    ...{ clientId: 'c', node: 'w1', userAgent: 'VLC', limit: 0, quietMs: 0 },
  });
});

/** Renewals are written a second later, by the real clock. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

afterEach(async () => {
  await one.close();
  await other.close();
  file.remove();
});

const touch = (state: SqliteClusterState) =>
  state.touchSessions('w1', [{ id: 's', user: 'alice', place: '192.0.2.7' }]);

const seenBy = async (state: SqliteClusterState) =>
  ((await state.getSession('s'))?.lastActiveMs ?? 0) - START_MS;

test('touches are known to their process at once, and to another when they renew the session, or at the end', async () => {
  for (let i = 0; i < 49; i++) {
    nowMs += 100;
    expect(await touch(one)).toEqual(['ok']);
  }
  expect(await seenBy(one)).toBe(4_900);
  expect(await seenBy(other)).toBe(0);
  nowMs += 200;
  await touch(one);
  await eventually(async () => expect(await seenBy(other)).toBe(5_100));
  nowMs += 500;
  await touch(one);
  await one.close();
  expect(await seenBy(other)).toBe(5_600);
});

test('a session that is touched through either process lives, and once nobody touches it ends', async () => {
  for (let i = 0; i < 20; i++) {
    nowMs += 4_000;
    expect(await touch(i % 2 === 0 ? one : other)).toEqual(['ok']);
    await one.listSessions();
    await other.listSessions();
    expect(await one.expireSessions(10)).toBe(0);
    await eventually(async () => expect((await one.listSessions()).items).toHaveLength(1));
  }
  nowMs += 36_000;
  await one.close();
  expect(await other.countSessions('alice')).toBe(0);
  expect(await other.expireSessions(10)).toBe(1);
});

test('who serves it is written before anything goes by it', async () => {
  nowMs += 100;
  await one.touchSessions('w2', [{ id: 's', user: 'alice', place: '192.0.2.7' }]);
  expect(await one.endSession('s', { by: 'viewer', node: 'w1' })).toBeUndefined();
  expect((await other.getSession('s'))?.node).toBe('w2');
  await touch(other);
  expect(await other.endSession('s', { by: 'viewer', node: 'w1' })).toMatchObject({ node: 'w1' });
  expect(await touch(one)).toEqual(['unknown']);
});

test('a touch in time counts, however late it is written', async () => {
  nowMs += 30_000;
  await touch(one);
  nowMs += 20_000;
  expect(await one.countSessions('alice')).toBe(1);
  expect(await one.expireSessions(10)).toBe(0);
  expect(await other.countSessions('alice')).toBe(1);
});

test('a session that took the place of another in the file is not taken for it', async () => {
  nowMs += 100;
  await touch(one);
  nowMs += 6_000;
  await touch(one);
  await other.endSession('s', { by: 'viewer', node: 'w1' });
  await other.startSession({
    ...{ id: 't', user: 'bob', ip: '192.0.2.8', place: '192.0.2.8', player: 'tv', streamId: 'news' },
    ...{ clientId: 'd', node: 'w2', userAgent: 'VLC', limit: 0, quietMs: 0 },
  });
  nowMs += 36_000;
  await one.close();
  expect(await other.countSessions('bob')).toBe(0);
});

test('what another process ended stays ended', async () => {
  nowMs += 1_000;
  await touch(one);
  await other.endSession('s', { by: 'operator' });
  expect(await one.listSessions()).toEqual({ items: [] });
  expect(await touch(one)).toEqual(['ended']);
});

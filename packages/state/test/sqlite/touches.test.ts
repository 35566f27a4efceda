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

afterEach(async () => {
  await one.close();
  await other.close();
  file.remove();
});

const touch = (state: SqliteClusterState) =>
  state.touchSessions('w1', [{ id: 's', user: 'alice', place: '192.0.2.7' }]);

test('touches are written together: at the latest with whatever depends on them, or at the end', async () => {
  const seenByOther = async () => ((await other.getSession('s'))?.lastActiveMs ?? 0) - START_MS;
  for (let i = 0; i < 100; i++) {
    nowMs += 10;
    expect(await touch(one)).toEqual(['ok']);
  }
  expect(await seenByOther()).toBe(0);
  expect(await one.countSessions('alice')).toBe(1);
  expect(await seenByOther()).toBe(1_000);
  nowMs += 500;
  await touch(one);
  await one.close();
  expect(await seenByOther()).toBe(1_500);
});

test('what another process ended stays ended', async () => {
  nowMs += 1_000;
  await touch(one);
  await other.endSession('s', { by: 'operator' });
  expect(await one.listSessions()).toEqual({ items: [] });
  expect(await touch(one)).toEqual(['ended']);
});

import { StoreTime } from '../src/store-time.ts';
import { type Happening, TimelineLog } from '../src/timeline-log.ts';

const STREAM = 'a'.repeat(32);

function setup({ mostPending = 1_000, mostRecent = 1_000 } = {}) {
  const time = new StoreTime();
  const clock = { nowMs: 1_000_000 };
  const wallNow = (): number => clock.nowMs;
  const log = new TimelineLog({ node: 'w1', time, wallNow, mostPending, mostRecent });
  return { time, clock, log };
}

function lost(index: number, code = 'UPSTREAM_CUT'): Happening {
  return { type: 'source_lost', streamId: STREAM, data: { code, index, detail: 'cut' } };
}

function blocked(clientId: string, blockedMs: number): Happening {
  return { type: 'viewer_blocked', streamId: STREAM, clientId, data: { blockedMs, lagBytes: 1 } };
}

test('what repeats itself until the next beat is one entry that counts', () => {
  const { clock, log } = setup();
  for (let i = 0; i < 1_000; i++) {
    log.add(lost(0));
    log.add(lost(1));
    log.add(blocked('tv', 1_000 + i));
    clock.nowMs += 10;
  }
  const batch = log.batch(100);
  expect(log.toBeat(batch).timeline).toMatchObject([
    { node: 'w1', atMs: 1_000_000, lastMs: 1_009_990, count: 1_000, data: { index: 0 } },
    { count: 1_000, data: { index: 1 } },
    { clientId: 'tv', count: 1_000, data: { blockedMs: 1_999 } },
  ]);
  log.sent(batch);
  expect(log.pending).toBe(0);
});

test('what happens while a beat is under way is told by the next one, and what was not heard again', () => {
  const { log } = setup();
  log.add(lost(0));
  const first = log.batch(100);
  log.add(lost(0));
  log.add(lost(0));
  expect(log.toBeat(log.batch(100)).timeline.map(({ count }) => count)).toEqual([1, 2]);
  log.sent(first);
  expect(log.toBeat(log.batch(100)).timeline.map(({ count }) => count)).toEqual([2]);
  expect(log.batch(0)).toEqual([]);
});

test('minutes apart are two entries', () => {
  const { clock, log } = setup();
  log.add(lost(0));
  clock.nowMs += 61_000;
  log.add(lost(0));
  expect(log.toBeat(log.batch(100)).timeline.map(({ atMs }) => atMs)).toEqual([1_000_000, 1_061_000]);
});

test('ten thousand slow viewers keep within the budget; the stream counts them all', () => {
  const { log } = setup({ mostPending: 500, mostRecent: 800 });
  for (let i = 0; i < 10_000; i++) {
    log.add(blocked(`tv${i}`, 1_000));
    log.add({ type: 'viewer_blocked', streamId: STREAM, data: { blockedMs: 1_000, clientId: `tv${i}` } });
  }
  expect(log.pending).toBe(501);
  expect(log.dropped).toBe(9_500);
  expect(log.toBeat(log.batch(1)).timeline).toMatchObject([{ streamId: STREAM, count: 10_000 }]);
  expect(log.recall({ clientId: 'tv9999' })).toHaveLength(1);
  expect(log.recall({ clientId: 'tv1' })).toEqual([]);
});

test('times are the store’s, also of what happened before its clock was known', () => {
  const { time, clock, log } = setup();
  log.add(lost(0));
  time.learn(5_000_000, clock.nowMs, clock.nowMs);
  expect(log.toBeat(log.batch(1)).timeline).toMatchObject([{ atMs: 5_000_000, lastMs: 5_000_000 }]);
});

test('what was told is remembered for when the state is away; what was not, for those who ask now', () => {
  const { log } = setup({ mostRecent: 3 });
  for (let i = 0; i < 10; i++) log.add(lost(i));
  log.sent(log.batch(9));
  const indices = (untold: boolean): unknown[] =>
    log.recall({ streamId: STREAM }, { untold }).map(({ data }) => data.index);
  expect(indices(true)).toEqual([9]);
  expect(indices(false).slice(-3)).toEqual([7, 8, 9]);
  expect(indices(false).length).toBeLessThan(6);
  expect(log.recall({ streamId: 'b' })).toEqual([]);
});

test('only news become events, with their number', () => {
  const { log } = setup();
  log.add(lost(0), { isNews: true });
  log.add(lost(0), { isNews: true });
  log.add({ type: 'client_connected', streamId: STREAM, data: {} });
  expect(log.toBeat(log.batch(10)).events).toEqual([
    {
      type: 'source_lost',
      streamId: STREAM,
      data: { code: 'UPSTREAM_CUT', index: 0, detail: 'cut', count: 2 },
    },
  ]);
});

import { definition, HEARTBEAT_MS, type Node, node, TestStore } from './node.ts';

let store: TestStore;
let a: Node;

beforeEach(async () => {
  store = new TestStore();
  await store.inner.putStream(definition('s'));
  a = node(store, 'a');
  await a.worker.start();
  await flush();
});
afterEach(() => a.worker.close());

const flush = (): Promise<void> => store.clock.advance(HEARTBEAT_MS);
const brief = (entries: readonly { type: string; count: number; data: object }[]): object[] =>
  entries.map(({ type, count, data }) => ({ type, ...(count > 1 && { count }), ...data }));

test('a stream’s timeline tells what happened to it, and counts what happened to its viewers', async () => {
  a.engine.move('s', 'starting');
  a.engine.move('s', 'live');
  // That the stream is this node's is known only with the next beat; when it started is known now.
  await store.clock.advance(10);
  a.engine.attach('tv', 's');
  a.engine.attach('box', 's');
  a.engine.note({ type: 'source_lost', streamId: 's', code: 'UPSTREAM_CUT', detail: 'cut', index: 0 });
  a.engine.move('s', 'switching');
  // As pools do it: they have the next source by the time that they tell of it.
  a.engine.move('s', 'live', { failoverIndex: 1 });
  a.engine.switchSource('s', 1, 'UPSTREAM_CUT');
  a.engine.note({ type: 'viewer_blocked', streamId: 's', clientId: 'tv', blockedMs: 1_000, lagBytes: 5 });
  a.engine.skip('tv', 's', 188);
  a.engine.skip('tv', 's', 188);
  a.engine.note({ type: 'viewer_unblocked', streamId: 's', clientId: 'tv', blockedMs: 4_000, lagBytes: 0 });
  await store.clock.advance(2_000);
  a.engine.detach('tv', 's', 'left');
  a.engine.detach('box', 's', 'left');
  a.engine.move('s', 'stopped', { reason: 'no viewers' });
  await flush();
  expect(brief(await store.inner.readTimeline({ streamId: 's' }))).toEqual([
    { type: 'stream_started', reason: 'test', kind: 'transcode' },
    { type: 'client_connected', count: 2, clientId: 'box' },
    { type: 'source_lost', code: 'UPSTREAM_CUT', detail: 'cut', index: 0 },
    { type: 'failover_triggered', reason: 'UPSTREAM_CUT', gapMs: 12, failoverIndex: 1, fromIndex: 0 },
    { type: 'viewer_blocked', clientId: 'tv', blockedMs: 1_000, lagBytes: 5 },
    { type: 'viewer_skipped', clientId: 'tv', skips: 2, bytesSkipped: 376, count: 2 },
    { type: 'client_disconnected', count: 2, reason: 'left', clientId: 'box' },
    { type: 'stream_stopped', reason: 'no viewers', kind: 'transcode' },
  ]);
  expect(brief(await store.inner.readTimeline({ clientId: 'tv' }))).toMatchObject([
    { type: 'viewer_blocked', blockedMs: 1_000 },
    { type: 'viewer_skipped', skips: 2 },
    { type: 'viewer_unblocked', blockedMs: 4_000 },
    { type: 'client_disconnected', reason: 'left', durationMs: 2_000, ip: '192.0.2.9', userAgent: 'mpv' },
  ]);
  // What nothing else tells of is an event, too.
  const types = (await store.inner.readEvents()).map(({ type }) => type);
  expect(types.filter((type) => type === 'source_lost' || type === 'viewer_blocked')).toHaveLength(2);
});

test('that a node plays another one’s stream is no news of the stream', async () => {
  a.engine.move('s', 'live', { relayed: true });
  a.engine.note({ type: 'source_lost', streamId: 's', code: 'RELAY_LOST', detail: 'reset', index: 0 });
  a.engine.move('s', 'stopped', { reason: 'no viewers' });
  await flush();
  expect(brief(await store.inner.readTimeline({ streamId: 's' }))).toEqual([
    { type: 'source_lost', code: 'RELAY_LOST', detail: 'reset', index: 0 },
  ]);
});

test('a stream that gave its connection to another one can tell', async () => {
  const handOver = { provider: 'small', from: 's', to: 't' };
  a.worker.noteHandOver({ ...handOver, way: 'preempt' });
  a.worker.noteHandOver({ ...handOver, way: 'zap' });
  a.worker.noteHandOver({ ...handOver, way: 'lost' });
  await flush();
  const told = async (streamId: string) => brief(await store.inner.readTimeline({ streamId }));
  expect(await told('s')).toEqual([{ type: 'stream_preempted', provider: 'small', to: 't' }]);
  expect(await told('t')).toEqual([{ type: 'slot_handed_over', provider: 'small', from: 's', way: 'zap' }]);
});

test('while the state is away the node remembers, and tells afterwards when it happened', async () => {
  a.engine.move('s', 'live');
  await flush();
  store.unavailable();
  const lostAt = (await store.inner.heartbeat({ ...store.beats[0]!, events: [] })).nowMs;
  for (let i = 0; i < 50; i++) {
    a.engine.note({ type: 'source_lost', streamId: 's', code: 'UPSTREAM_CUT', detail: 'cut', index: 0 });
  }
  expect(brief(a.worker.recall({ streamId: 's' }, { all: true }))).toMatchObject([
    { type: 'stream_started' },
    { type: 'source_lost', count: 50 },
  ]);
  expect(a.worker.recall({ streamId: 's' })).toHaveLength(1);
  await store.clock.advance(60_000);
  store.failure = undefined;
  await store.clock.advance(2 * HEARTBEAT_MS);
  const [, lost] = await store.inner.readTimeline({ streamId: 's' });
  expect(lost).toMatchObject({ type: 'source_lost', count: 50, node: 'a' });
  expect(Math.abs(lost!.atMs - lostAt)).toBeLessThan(50);
  expect(a.worker.recall({ streamId: 's' })).toEqual([]);
  expect(a.worker.figures().droppedEntries).toBe(0);
});

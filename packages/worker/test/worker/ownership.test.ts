import { definition, HEARTBEAT_MS, LEASE_MS, node } from '../node.ts';
import { a, flush, store, stream, useWorker } from './one-worker.ts';

useWorker();

test('a stream that another worker owns is not taken, and said once', async () => {
  const b = node(store, 'b');
  await b.worker.start();
  b.engine.move('s', 'live');
  await flush();
  a.engine.move('s', 'starting');
  await flush();
  expect(a.lost).toEqual([['s', { owner: 'b', epoch: 1 }]]);
  await store.clock.advance(3 * HEARTBEAT_MS);
  expect(a.lost).toHaveLength(1);
  expect(await stream()).toMatchObject({ owner: 'b', epoch: 1, state: 'live' });
  // Its owner gives it up while our pool still runs: then it is ours.
  b.engine.move('s', 'stopped');
  await store.clock.advance(HEARTBEAT_MS);
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 2 });
  await b.worker.close();
});

test('an owner that stood still finds itself replaced', async () => {
  a.engine.move('s', 'live');
  await flush();
  store.unavailable();
  await store.clock.advance(LEASE_MS + 1);
  const deposing = { deposes: 1 };
  expect(await store.inner.claim('s', { id: 'b', host: 'h' }, deposing)).toMatchObject({ epoch: 2 });
  store.failure = undefined;
  await store.clock.advance(HEARTBEAT_MS);
  expect(a.lost).toEqual([['s', { owner: 'b', epoch: 2 }]]);
  expect(a.worker.figures()).toMatchObject({ ownershipsLost: 1, takeovers: 0 });
  expect(a.worker.epochOf('s')).toBeUndefined();
  expect(await stream()).toMatchObject({ owner: 'b' });
});

test('a stream that was reaped in our absence is ours again, and nobody is told that it was lost', async () => {
  a.engine.move('s', 'live', { pid: 700 });
  await flush();
  store.unavailable();
  await store.clock.advance(LEASE_MS + 1);
  await store.inner.removeWorker('a');
  expect(await store.inner.orphanProcesses('here')).toHaveLength(1);
  store.failure = undefined;
  await store.clock.advance(HEARTBEAT_MS + 200);
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 2, state: 'live', ffmpegPid: 700 });
  expect(await store.inner.orphanProcesses('here')).toEqual([]);
  expect(a.lost).toEqual([]);
});

test('a stream removed from the state while it runs here is to be stopped', async () => {
  a.engine.move('s', 'live');
  a.engine.attach('c', 's');
  await flush();
  await store.inner.removeStream('s');
  await store.clock.advance(HEARTBEAT_MS);
  expect(a.removed).toEqual(['s']);
  await store.clock.advance(3 * HEARTBEAT_MS);
  expect(a.removed).toEqual(['s']);
  expect(await stream()).toBeUndefined();
  expect(a.worker.figures()).toMatchObject({ connected: true, ownedStreams: 0 });
});

test('a store that comes back empty is given everything again, under the same epochs', async () => {
  a.engine.move('s', 'live', { pid: 700 });
  a.engine.attach('c', 's');
  await flush();
  await store.inner.removeStream('t');
  await store.empty();
  await store.clock.advance(HEARTBEAT_MS + 500);
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 1, state: 'live', ffmpegPid: 700 });
  expect(await store.inner.getDefinition('s')).toEqual(definition('s'));
  expect(a.removed).toEqual([]);
  await store.clock.advance(HEARTBEAT_MS);
  expect(await stream()).toMatchObject({ viewers: 1 });
  expect(await stream('t')).toBeUndefined();
});

test('a store that lost its memory and was given the stream back by another node is told everything again', async () => {
  a.engine.move('s', 'live', { pid: 700 });
  a.engine.attach('c', 's');
  await flush();
  await store.empty();
  await store.inner.putStream(definition('s'));
  await store.clock.advance(2 * HEARTBEAT_MS + 500);
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 1, state: 'live', ffmpegPid: 700, viewers: 1 });
});

test('a stream can be claimed ahead of its start, and is kept for a while', async () => {
  expect(await a.worker.acquire('s')).toEqual({ granted: true, owner: 'a', epoch: 1 });
  await store.clock.advance(LEASE_MS * 2);
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 1 });
  await store.clock.advance(60_000);
  expect(await stream()).toMatchObject({ owner: '' });
  await store.inner.claim('t', { id: 'b', host: 'h' });
  expect(await a.worker.acquire('t')).toEqual({ granted: false, owner: 'b', epoch: 1 });
  expect(a.worker.figures().takeovers).toBe(0);
  expect(await a.worker.acquire('t', { deposes: 1 })).toEqual({ granted: true, owner: 'a', epoch: 2 });
  expect(a.worker.figures()).toMatchObject({ takeovers: 1, claims: { granted: 2, refused: 1 } });
  expect(a.worker.figures().takeovers).toBe(1);
  await expect(a.worker.acquire('nowhere')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  store.unavailable();
  expect(await a.worker.acquire('t')).toBeUndefined();
});

test('direct streams run on many nodes; nobody is told to follow', async () => {
  await store.inner.claim('s', { id: 'b', host: 'h' });
  a.engine.move('s', 'live', { kind: 'direct' });
  a.engine.attach('c', 's');
  await store.clock.advance(3 * HEARTBEAT_MS);
  expect(a.lost).toEqual([]);
  expect(await stream()).toMatchObject({ owner: 'b', viewers: 1 });
});

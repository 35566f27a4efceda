import { HEARTBEAT_MS, HOST_AHEAD_MS, LEASE_MS, node, STORE_START } from '../node.ts';
import { a, flush, store, stream, useWorker } from './one-worker.ts';

useWorker();

test('a pool that starts is claimed and reported soon, not at the next beat', async () => {
  a.engine.move('s', 'starting', { pid: 700 });
  expect(await stream()).toMatchObject({ owner: '' });
  await flush();
  expect(await stream()).toMatchObject({
    owner: 'a',
    host: 'here',
    epoch: 1,
    state: 'starting',
    ffmpegPid: 700,
    ffmpegStartTicks: 7_000,
  });
  a.engine.move('s', 'live', { fps: 25, speed: 1.001, bitrateKbps: 4_000 });
  await flush();
  expect(await stream()).toMatchObject({ state: 'live', fps: 25, speed: 1, bitrateKbps: 4_000 });
  expect(a.worker.epochOf('s')).toBe(1);
  expect(a.worker.figures().ownedStreams).toBe(1);
});

test('a worker with limits says what they are, and at once when it has room again', async () => {
  const b = node(store, 'b', { capacity: 2, maxEncoders: 1 });
  await b.worker.start();
  const record = async () => (await store.inner.listWorkers()).find(({ id }) => id === 'b');
  b.engine.move('s', 'starting', { kind: 'transcode', pid: 700 });
  await flush();
  await flush();
  expect(await record()).toMatchObject({ capacity: 2, ownedStreams: 1, maxEncoders: 1, encoders: 1 });
  expect(b.worker.figures()).toMatchObject({ encoders: 1, limits: { maxStreams: 2, maxEncoders: 1 } });
  expect(b.worker.takeRoom('t', { needsEncoder: true })).toBeUndefined();
  b.worker.takeRoom('t', { needsEncoder: false })?.();
  b.engine.move('s', 'stopped');
  await flush();
  await flush();
  expect(await record()).toMatchObject({ ownedStreams: 0, encoders: 0 });
  await b.worker.close();
});

test('changes at the same time are told together', async () => {
  const before = store.beats.length;
  a.engine.move('s', 'starting');
  a.engine.move('s', 'live');
  a.engine.move('t', 'starting');
  for (let i = 0; i < 100; i++) a.engine.attach(`c${i}`, 's');
  await flush();
  expect(store.beats.length - before).toBe(1);
  expect(await stream()).toMatchObject({ state: 'live', viewers: 100 });
});

test('figures go with the beat, and only what changed', async () => {
  a.engine.move('s', 'live', { fps: 25 });
  await flush();
  a.engine.set('s', { fps: 30 });
  await flush();
  expect(await stream()).toMatchObject({ fps: 25 });
  await store.clock.advance(HEARTBEAT_MS);
  expect(await stream()).toMatchObject({ fps: 30 });
  await store.clock.advance(HEARTBEAT_MS);
  expect(store.beats.at(-1)?.streams).toEqual([{ streamId: 's', epoch: 1 }]);
});

test('a figure that is not known any more is cleared', async () => {
  a.engine.move('s', 'live', { fps: 25, pid: 700, lastError: 'late' });
  await flush();
  for (const name of ['fps', 'pid', 'lastError']) a.engine.set('s', { [name]: undefined });
  await store.clock.advance(HEARTBEAT_MS);
  const record = await stream();
  for (const name of ['fps', 'ffmpegPid', 'ffmpegStartTicks', 'lastError']) {
    expect(record).not.toHaveProperty(name);
  }
});

test('beats keep the ownership for as long as the pool runs', async () => {
  a.engine.move('s', 'live');
  await store.clock.advance(10 * LEASE_MS);
  expect(await store.inner.claim('s', { id: 'b', host: 'h' })).toMatchObject({
    granted: false,
    owner: 'a',
  });
  expect((await stream())?.epoch).toBe(1);
});

test('a pool that ends is released with its reason', async () => {
  a.engine.move('s', 'live', { pid: 700 });
  await flush();
  a.engine.move('s', 'failed', { reason: 'UPSTREAM_STATUS', lastError: 'the provider answered 403' });
  await flush();
  const record = await stream();
  expect(record).toMatchObject({ owner: '', state: 'failed', lastError: 'the provider answered 403' });
  expect(record).not.toHaveProperty('ffmpegPid');
  expect(a.worker.epochOf('s')).toBeUndefined();
  expect(await store.inner.orphanProcesses('here')).toEqual([]);
});

test('a pool that fails before it was ever told of leaves its error all the same', async () => {
  a.engine.move('s', 'starting');
  a.engine.move('s', 'failed', { reason: 'UPSTREAM_TIMEOUT', lastError: 'no answer within 5 s' });
  await flush();
  expect(await stream()).toMatchObject({ owner: '', state: 'failed', lastError: 'no answer within 5 s' });
});

test('a pool that comes back at once goes on under its ownership', async () => {
  a.engine.move('s', 'live');
  await flush();
  a.engine.move('s', 'stopped');
  a.engine.move('s', 'starting');
  await flush();
  expect(await stream()).toMatchObject({ owner: 'a', epoch: 1, state: 'starting' });
});

test('an idle pool is nobody’s', async () => {
  a.engine.move('s', 'idle');
  await store.clock.advance(HEARTBEAT_MS);
  expect(await stream()).toMatchObject({ owner: '' });
});

test('times are the store’s, whatever this host’s clock says', async () => {
  a.engine.move('s', 'live', { lastAccess: store.clock.wallNow() - 1_000 });
  a.engine.attach('c', 's');
  const storeNow = STORE_START + store.clock.now();
  expect(store.clock.wallNow() - storeNow).toBe(HOST_AHEAD_MS);
  await flush();
  // The claim is an access of its own; the last report of an older one must not be in the store's future.
  const record = await stream();
  expect(record?.lastAccessMs).toBe(storeNow - 1_000);
  expect(await store.inner.getClient('c')).toMatchObject({
    connectedAtMs: storeNow,
    lastActiveMs: storeNow,
  });
});

test('two pools of one stream are told as one', async () => {
  a.engine.move('s', 'live', { viewers: 3, fps: 25 });
  const pools = a.engine.pools();
  a.engine.pools = () => [{ ...pools[0]!, state: 'draining', viewers: 0, fps: 1 }, ...pools];
  await flush();
  expect(await stream()).toMatchObject({ state: 'live', fps: 25 });
  expect(store.beats.at(-1)?.worker.viewers).toBe(3);
});

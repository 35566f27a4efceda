import { HEARTBEAT_MS, node } from '../node.ts';
import { a, flush, store, stream, types, useWorker } from './one-worker.ts';

useWorker();

describe('registration', () => {
  test('a worker is known after its start, and beats', async () => {
    expect(await store.inner.listWorkers()).toMatchObject([
      {
        id: 'a',
        host: 'here',
        pid: process.pid,
        startTicks: process.pid * 10,
        url: 'http://a:8085',
        status: 'ready',
        load: 0.25,
      },
    ]);
    expect(a.worker.figures()).toMatchObject({ connected: true, status: 'ready', ownedStreams: 0 });
    const before = store.beats.length;
    await store.clock.advance(10 * HEARTBEAT_MS);
    expect(store.beats.length - before).toBe(10);
  });

  test('everything a beat has to say goes in one call', async () => {
    for (const id of ['s', 't']) a.engine.move(id, 'starting');
    for (let i = 0; i < 50; i++) a.engine.attach(`c${i}`, i % 2 ? 's' : 't');
    await flush();
    const calls = store.calls;
    for (let i = 0; i < 50; i++) a.engine.feed(`c${i}`, i % 2 ? 's' : 't', 1_000);
    await store.clock.advance(HEARTBEAT_MS);
    expect(store.calls - calls).toBe(1);
    expect(store.beats.at(-1)?.clients).toHaveLength(50);
    expect(store.beats.at(-1)?.streams).toHaveLength(2);
  });

  test('a worker that nobody hears starts all the same, and registers when the state is there', async () => {
    store.unavailable();
    const b = node(store, 'b');
    await b.worker.start();
    b.engine.move('t', 'starting');
    b.engine.attach('c', 't');
    expect(b.worker.figures()).toMatchObject({ connected: false });
    store.failure = undefined;
    await store.clock.advance(1_000);
    expect(b.worker.figures()).toMatchObject({ connected: true });
    expect(await stream('t')).toMatchObject({ owner: 'b', viewers: 1 });
    await b.worker.close();
  });

  test('closing signs off: no worker, no viewers, streams free, no process to look for', async () => {
    a.engine.move('s', 'starting', { pid: 700 });
    a.engine.attach('c', 's');
    await flush();
    a.engine.move('s', 'stopped', { reason: 'shutdown' });
    a.engine.detach('c', 's', 'shutdown');
    await a.worker.close();
    await a.worker.close();
    expect(await store.inner.listWorkers()).toEqual([]);
    expect(await stream()).toMatchObject({ owner: '', state: 'stopped', viewers: 0 });
    expect(await store.inner.orphanProcesses('here')).toEqual([]);
    expect(await types()).toEqual(['client_connected', 'client_disconnected', 'stream_stopped']);
    expect(a.engine.listeners).toBe(0);
    expect(store.clock.pending).toBe(0);
  });

  test('closing does not wait for a state that is away', async () => {
    a.engine.move('s', 'starting');
    store.unavailable();
    await a.worker.close();
    expect(store.clock.pending).toBe(0);
  });

  test('a process that has lost its id to another one says so and leaves the other’s record alone', async () => {
    const other = { ...(await store.inner.listWorkers())[0]!, pid: 1, host: 'elsewhere' };
    await store.inner.heartbeat({ worker: other, streams: [], clients: [], gone: [] });
    await store.clock.advance(HEARTBEAT_MS);
    expect(a.replaced).toHaveLength(1);
    expect(a.replaced[0]).toContain('WORKER_ID');
    expect(a.worker.figures().replaced).toBe(true);
    await store.clock.advance(5 * HEARTBEAT_MS);
    expect(a.replaced).toHaveLength(1);
    await a.worker.close();
    expect(await store.inner.listWorkers()).toMatchObject([{ host: 'elsewhere' }]);
  });
});

describe('draining', () => {
  test('a worker that drains says so at once', async () => {
    a.worker.drain();
    expect(a.worker.status).toBe('draining');
    await flush();
    expect(await store.inner.listWorkers()).toMatchObject([{ status: 'draining' }]);
    expect(a.statuses).toEqual(['draining']);
  });

  test('a worker that an operator drains learns of it, and of its pardon', async () => {
    await store.inner.setWorkerStatus('a', 'draining');
    await store.clock.advance(HEARTBEAT_MS);
    expect(a.worker.status).toBe('draining');
    await store.inner.setWorkerStatus('a', 'ready');
    await store.clock.advance(HEARTBEAT_MS);
    expect(a.statuses).toEqual(['draining', 'ready']);
  });
});

import { StreampoolError } from '@streampool/errors';
import {
  definition,
  HEARTBEAT_MS,
  HOST_AHEAD_MS,
  LEASE_MS,
  type Node,
  node,
  STORE_START,
  TestStore,
} from './node.ts';

let store: TestStore;
let a: Node;

beforeEach(async () => {
  store = new TestStore();
  for (const id of ['s', 't']) await store.inner.putStream(definition(id));
  a = node(store, 'a');
  await a.worker.start();
  await store.clock.advance(100);
});

afterEach(async () => {
  store.failure = undefined;
  await a.worker.close();
  await store.inner.close();
});

/** Long enough for what changed to be told, short of the next beat. */
const flush = () => store.clock.advance(100);
const stream = (id = 's') => store.inner.getStream(id);
const types = async () => (await store.inner.readEvents()).map(({ type }) => type);

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

describe('streams', () => {
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
});

describe('ownership', () => {
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
});

describe('viewers', () => {
  beforeEach(() => a.engine.move('s', 'live'));

  test('coming and going shows soon', async () => {
    a.engine.attach('c', 's', { username: 'alice' });
    await flush();
    expect(await store.inner.getClient('c')).toMatchObject({
      streamId: 's',
      node: 'a',
      ip: '192.0.2.9',
      userAgent: 'mpv',
      username: 'alice',
    });
    a.engine.detach('c', 's');
    await flush();
    expect(await store.inner.getClient('c')).toBeUndefined();
    expect(await stream()).toMatchObject({ viewers: 0 });
  });

  test('one that came and went between two beats leaves no record', async () => {
    a.engine.attach('c', 's');
    a.engine.detach('c', 's');
    await flush();
    expect((await store.inner.listClients()).items).toEqual([]);
  });

  test('one that went and came back under its id stays', async () => {
    a.engine.attach('c', 's');
    await flush();
    a.engine.detach('c', 's', 'kicked');
    a.engine.attach('c', 's', { ip: '192.0.2.10' });
    await flush();
    expect(await store.inner.getClient('c')).toMatchObject({ ip: '192.0.2.10' });
    expect(await stream()).toMatchObject({ viewers: 1 });
  });

  test('one that goes while a beat speaks of it is unsaid by the next', async () => {
    a.engine.attach('c', 's');
    const { heartbeat } = store.inner;
    store.inner.heartbeat = async (beat) => {
      store.inner.heartbeat = heartbeat;
      const reply = await heartbeat.call(store.inner, beat);
      if (beat.clients.length > 0) a.engine.detach('c', 's');
      return reply;
    };
    await flush();
    await flush();
    expect((await store.inner.listClients()).items).toEqual([]);
  });

  test('bytes are told with the beats, and only of those that have changed', async () => {
    for (const id of ['fast', 'still']) a.engine.attach(id, 's');
    await flush();
    a.engine.feed('fast', 's', 1_000);
    await store.clock.advance(HEARTBEAT_MS);
    expect(await store.inner.getClient('fast')).toMatchObject({ bytes: 1_000 });
    expect(store.beats.at(-1)?.clients.map(({ id }) => id)).toEqual(['fast']);
  });

  test('one whose stream stands still does not expire', async () => {
    a.engine.attach('still', 's');
    await store.clock.advance(200_000);
    expect((await store.inner.sweep()).expiredClients).toEqual([]);
    const mentions = store.beats.filter(({ clients }) => clients.length > 0).length;
    expect(mentions).toBeLessThan(25);
  });
});

describe('events', () => {
  test('the life of a stream and its viewers', async () => {
    a.engine.move('s', 'starting', { pid: 700 });
    a.engine.attach('c', 's', { username: 'alice' });
    await flush();
    a.engine.move('s', 'live');
    a.engine.switchSource('s', 0, 'FFmpeg was restarted');
    a.engine.switchSource('s', 1, 'UPSTREAM_CUT');
    a.engine.move('s', 'switching');
    a.engine.move('s', 'live');
    await store.clock.advance(1_500);
    a.engine.feed('c', 's', 5_000);
    a.engine.detach('c', 's', 'stuck');
    a.engine.move('s', 'draining');
    a.engine.move('s', 'stopped', { reason: 'no viewers' });
    await flush();
    await flush();
    const events = await store.inner.readEvents({ streamId: 's' });
    expect(events.map(({ type, data }) => ({ type, ...data }))).toEqual([
      { type: 'client_connected', clientId: 'c', ip: '192.0.2.9', userAgent: 'mpv', username: 'alice' },
      { type: 'stream_started', reason: 'test', kind: 'transcode', pid: 700 },
      { type: 'source_switched', reason: 'FFmpeg was restarted', gapMs: 12, failoverIndex: 0 },
      { type: 'failover_triggered', reason: 'UPSTREAM_CUT', gapMs: 12, oldIndex: 0, failoverIndex: 1 },
      {
        type: 'client_disconnected',
        clientId: 'c',
        ip: '192.0.2.9',
        username: 'alice',
        reason: 'stuck',
        bytes: 5_000,
        skips: 0,
        durationMs: 1_600,
      },
      { type: 'stream_stopped', reason: 'no viewers', kind: 'transcode', pid: 700 },
    ]);
  });

  test('of a viewer it is said which visit ends, and of one without a socket also which begins, and whether it may go on elsewhere', async () => {
    const visit = String(store.clock.wallNow());
    for (const id of ['tv', 'box']) a.engine.attach(id, 's', { segments: 0 });
    a.engine.attach('socket', 's');
    await flush();
    a.engine.detach('tv', 's', 'left');
    for (const id of ['box', 'socket']) a.engine.detach(id, 's', 'shutdown');
    await flush();
    const said = store.beats.flatMap(({ events = [] }) => events.map(({ presence }) => presence));
    expect(said).toEqual([
      { clientId: 'tv', does: 'came', visit },
      { clientId: 'box', does: 'came', visit },
      undefined,
      { clientId: 'tv', does: 'went', visit },
      { clientId: 'box', does: 'moves', visit },
      { clientId: 'socket', does: 'closed', visit },
    ]);
    expect(await types()).toHaveLength(6);
  });

  test('a failure names its error', async () => {
    a.engine.move('s', 'starting');
    a.engine.move('s', 'failed', { reason: 'UPSTREAM_STATUS', lastError: 'the provider answered 403' });
    await flush();
    await flush();
    expect(await store.inner.readEvents()).toMatchObject([
      { type: 'stream_failed', data: { reason: 'UPSTREAM_STATUS', error: 'the provider answered 403' } },
    ]);
  });

  describe('of a stream that several nodes play', () => {
    const LIVES = ['stream_started', 'stream_stopped', 'stream_failed', 'owner_changed'];
    const lives = async () => (await types()).filter((type) => LIVES.includes(type));
    let b: Node;
    let gateway: Node;

    beforeEach(async () => {
      b = node(store, 'b');
      gateway = node(store, 'g', { role: 'gateway' });
      await Promise.all([b.worker.start(), gateway.worker.start()]);
      a.engine.move('s', 'starting');
      await flush();
      a.engine.move('s', 'live');
      for (const { engine } of [b, gateway]) {
        engine.move('s', 'starting', { relayed: true });
        engine.move('s', 'live', { relayed: true });
      }
      await flush();
    });
    afterEach(async () => {
      await b.worker.close();
      await gateway.worker.close();
    });

    test('relays begin and end without a word', async () => {
      for (const { engine } of [b, gateway]) engine.move('s', 'stopped');
      await flush();
      expect(await lives()).toEqual(['stream_started']);
      a.engine.move('s', 'stopped');
      await flush();
      await flush();
      expect(await lives()).toEqual(['stream_started', 'stream_stopped']);
    });

    test('a follower that takes over, or a worker that never played it, starts nothing anew', async () => {
      const { epoch } = (await b.worker.acquire('s', { deposes: 1 }))!;
      b.engine.move('s', 'live', { relayed: false });
      await flush();
      const c = node(store, 'c');
      await c.worker.start();
      await c.worker.acquire('s', { deposes: epoch });
      c.engine.move('s', 'starting', { relayed: false });
      c.engine.move('s', 'live', { relayed: false });
      // The first owner wakes up, finds that it is none any more, and ends.
      await store.clock.advance(HEARTBEAT_MS);
      a.engine.move('s', 'stopped', { relayed: false });
      b.engine.move('s', 'stopped', { relayed: true });
      await store.clock.advance(HEARTBEAT_MS);
      expect(await lives()).toEqual(['stream_started', 'owner_changed', 'owner_changed']);
      c.engine.move('s', 'stopped');
      await flush();
      await flush();
      expect((await lives()).slice(3)).toEqual(['stream_stopped']);
      // The next viewer's is a start again, with whoever owns it.
      await c.worker.acquire('s');
      c.engine.move('s', 'live');
      await flush();
      expect((await lives()).slice(4)).toEqual(['stream_started']);
      await c.worker.close();
    });

    test('an owner that is gone on from does not say that the stream has stopped', async () => {
      store.unavailable();
      a.engine.move('s', 'stopped', { reason: 'shutdown', relayed: false });
      await flush();
      store.failure = undefined;
      await b.worker.acquire('s', { deposes: 1 });
      b.engine.move('s', 'live', { relayed: false });
      await store.clock.advance(HEARTBEAT_MS);
      await a.worker.close();
      expect(await lives()).toEqual(['stream_started', 'owner_changed']);
    });

    test('a pool that fails between two sources fails for the stream, and its record says so', async () => {
      a.engine.move('s', 'failed', { relayed: true, lastError: 'no source' });
      await flush();
      await flush();
      expect(await lives()).toEqual(['stream_started', 'stream_failed']);
      expect(await stream()).toMatchObject({ state: 'failed', owner: '', lastError: 'no source' });
    });

    test('what played while the state was away is told when the state is back, in order', async () => {
      store.unavailable();
      b.engine.move('t', 'starting', { relayed: false });
      b.engine.move('t', 'live', { relayed: false });
      b.engine.move('t', 'stopped');
      await store.clock.advance(HEARTBEAT_MS);
      store.failure = undefined;
      await store.clock.advance(2 * HEARTBEAT_MS);
      const events = await store.inner.readEvents({ streamId: 't' });
      expect(events.map(({ type }) => type)).toEqual(['stream_started', 'stream_stopped']);
    });

    test('a gateway tells of the direct streams that it serves: nobody owns them', async () => {
      gateway.engine.move('t', 'live', { kind: 'direct' });
      gateway.engine.move('t', 'stopped', { kind: 'direct' });
      await flush();
      const events = await store.inner.readEvents({ streamId: 't' });
      expect(events.map(({ type }) => type)).toEqual(['stream_started', 'stream_stopped']);
    });
  });

  test('a viewer that falls behind again and again is one event per beat', async () => {
    a.engine.move('s', 'live');
    for (let i = 0; i < 20; i++) a.engine.skip('c', 's', 1_000);
    a.engine.skip('d', 's', 7);
    await store.clock.advance(HEARTBEAT_MS);
    const skips = (await store.inner.readEvents()).filter(({ type }) => type === 'viewer_skipped');
    expect(skips.map(({ data }) => data)).toEqual([
      { clientId: 'c', skips: 20, bytesSkipped: 20_000 },
      { clientId: 'd', skips: 1, bytesSkipped: 7 },
    ]);
  });

  test('more events than one beat takes are all told, in order', async () => {
    a.engine.move('s', 'live');
    for (let i = 0; i < 2_500; i++) a.engine.attach(`c${i}`, 's');
    await store.clock.advance(500);
    const events = await store.inner.readEvents({ limit: 5_000 });
    const ids = events.flatMap(({ type, data }) => (type === 'client_connected' ? [data.clientId] : []));
    expect(ids).toEqual(Array.from({ length: 2_500 }, (_, i) => `c${i}`));
    for (const beat of store.beats) expect(beat.events?.length ?? 0).toBeLessThanOrEqual(1_000);
  });
});

describe('a state that is away', () => {
  test('is asked again with growing delays, never faster than twice per delay, and told everything at last', async () => {
    a.engine.move('s', 'live');
    await flush();
    store.unavailable();
    const callsAt: number[] = [];
    const before = store.calls;
    for (let ms = 0; ms < 30_000; ms += 50) {
      const calls = store.calls;
      // What happens meanwhile makes no extra calls.
      a.engine.attach(`c${ms}`, 's');
      await store.clock.advance(50);
      if (store.calls > calls) callsAt.push(ms);
    }
    expect(store.calls - before).toBeLessThan(20);
    const gaps = callsAt.slice(1).map((at, i) => at - (callsAt[i] as number));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(HEARTBEAT_MS / 2 - 50);
    expect(gaps[1]).toBeLessThan(1_000);
    expect(a.worker.figures()).toMatchObject({ connected: false });
    store.failure = undefined;
    await store.clock.advance(HEARTBEAT_MS);
    expect(await stream()).toMatchObject({ viewers: 600, owner: 'a' });
    expect(a.worker.figures()).toMatchObject({ connected: true, pendingEvents: 0, droppedEvents: 0 });
    // An outage is one warning and one all-clear, however long it lasts.
    expect(a.logged.filter(({ level }) => level === 40)).toHaveLength(1);
    expect(a.logged.filter(({ msg }) => msg === 'the state answers again')).toHaveLength(1);
  });

  test('does not make memory grow: the oldest events and farewells are dropped, and counted', async () => {
    a.engine.move('s', 'live');
    await flush();
    store.unavailable();
    for (let i = 0; i < 30_000; i++) {
      a.engine.attach(`c${i}`, 's');
      a.engine.detach(`c${i}`, 's');
    }
    expect(a.worker.figures()).toMatchObject({
      pendingEvents: 5_000,
      droppedEvents: 55_000,
      droppedFarewells: 10_000,
    });
    store.failure = undefined;
    await store.clock.advance(2 * HEARTBEAT_MS);
    expect(await store.inner.readEvents({ limit: 10_000 })).toHaveLength(5_000 + 1);
  });

  test('a claim that could not be made is made later', async () => {
    store.unavailable();
    a.engine.move('s', 'live');
    await store.clock.advance(2_000);
    store.failure = undefined;
    await store.clock.advance(HEARTBEAT_MS);
    expect(await stream()).toMatchObject({ owner: 'a', state: 'live' });
  });

  test('something that the store will never take does not hold up the rest', async () => {
    a.engine.move('s', 'live');
    await flush();
    a.engine.attach('broken', 's', { ip: undefined as unknown as string });
    await store.clock.advance(HEARTBEAT_MS);
    a.engine.attach('good', 's');
    await store.clock.advance(HEARTBEAT_MS);
    expect(await store.inner.getClient('good')).toBeDefined();
  });

  test('a hook or a store that misbehaves does not stop the beats', async () => {
    const b = node(store, 'b', {
      onOwnerChanged: () => {
        throw new Error('no');
      },
    });
    await b.worker.start();
    a.engine.move('s', 'live');
    await flush();
    b.engine.move('s', 'live');
    store.failure = new StreampoolError('INTERNAL', 'a defect');
    await store.clock.advance(HEARTBEAT_MS);
    store.failure = undefined;
    await store.clock.advance(2 * HEARTBEAT_MS);
    expect(b.worker.figures()).toMatchObject({ connected: true });
    await b.worker.close();
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

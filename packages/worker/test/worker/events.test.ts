import { HEARTBEAT_MS, type Node, node } from '../node.ts';
import { a, flush, store, stream, types, useWorker } from './one-worker.ts';

useWorker();

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

test.each(['stopped', 'failed'] as const)(
  'a pool that has %s is told of while players without sockets still ask for it, or nodes in their name',
  async (to) => {
    a.engine.move('s', 'starting');
    a.engine.move('s', 'live');
    await flush();
    const [pool] = a.engine.pools('s');
    a.engine.carried = [{ ...pool!, state: 'live', relayed: true, isCarriedOnly: true, relays: 2 }];
    a.engine.move('s', to, { reason: 'no viewers' });
    await flush();
    await flush();
    expect((await types()).slice(-1)).toEqual([`stream_${to}`]);
    // What it has left behind is asked for here until nobody does any more.
    expect(await stream()).toMatchObject({ state: to, owner: 'a' });
    a.engine.carried = [];
    await store.clock.advance(HEARTBEAT_MS);
    expect(await stream()).toMatchObject({ state: to, owner: '' });
  },
);

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

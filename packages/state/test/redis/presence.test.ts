import fc from 'fast-check';
import type { ClientRecord, Presence } from '../../src/index.ts';
import { RedisClusterState } from '../../src/redis.ts';
import { beat, client, definition, idOf } from '../contract/records.ts';
import { MOVED_CLOCK, useRedis } from './use-redis.ts';

const leaseMs = 10_000;
const clientTtlMs = 30_000;
const STREAM = idOf(1);

const redis = useRedis();
let state: RedisClusterState;

beforeEach(async () => {
  state = new RedisClusterState({ url: redis.url, leaseMs, clientTtlMs, includes: { clock: MOVED_CLOCK } });
  await state.putStream(definition(1, { metadata: { group: 'news' } }));
  for (const node of ['a', 'b']) await state.heartbeat(beat(node));
});

afterEach(() => state.close());

/** What a node says of the viewer `tv`, which has no socket. */
const told = (does: Presence['does'], visit = '1', bytes = 0, clientId = 'tv') => ({
  type: does === 'came' ? ('client_connected' as const) : ('client_disconnected' as const),
  streamId: STREAM,
  data: does === 'came' ? { clientId } : { clientId, reason: does === 'moves' ? 'shutdown' : 'left', bytes },
  presence: { clientId, does, visit },
});
const seen = (node: string, fields: Partial<ClientRecord> = {}) =>
  client('tv', STREAM, node, { segments: 1, ...fields });
const came = (node: string, visit = '1') =>
  state.heartbeat(beat(node, { events: [told('came', visit)], clients: [seen(node)] }));
const touch = (node: string) => state.heartbeat(beat(node, { clients: [seen(node)] }));
const went = (node: string, { bytes = 0, does = 'went' as Presence['does'] } = {}) =>
  state.heartbeat(
    beat(node, {
      events: [told(does, '1', bytes)],
      gone: [{ streamId: STREAM, clientId: 'tv' }],
    }),
  );

/** Lets time pass while those nodes go on beating, and those who have died are reaped. */
async function pass(ms: number, ...alive: string[]): Promise<void> {
  for (let left = ms; left > 0; left -= leaseMs / 8) {
    await redis.pass(Math.min(left, leaseMs / 8));
    for (const node of alive) await state.heartbeat(beat(node));
  }
  await reap();
}

async function reap(): Promise<void> {
  const { deadWorkers, expiredClients } = await state.sweep();
  await state.removeClients(expiredClients, { onlyExpired: true });
  for (const { id } of deadWorkers) await state.removeWorker(id, { onlyExpired: true });
}

async function events(): Promise<string[]> {
  const all = await state.readEvents();
  return all.map(({ type, data }) => (data.reason === undefined ? type : `${type} ${data.reason}`));
}

const viewers = async () => (await state.getStream(STREAM))?.viewers;

/** Nobody is there any more, and nothing is left of them. */
async function expectNothingLeft(): Promise<void> {
  expect(await viewers()).toBe(0);
  expect((await state.listClients()).items).toEqual([]);
  expect((await redis.admin.keys('*')).filter((key) => /:clients$|^clients:/.test(key))).toEqual([]);
  // But that it was taken for gone in the absence of its node, which may come back and know better.
  for (const key of await redis.admin.keys('presence:*')) {
    expect(await redis.admin.hgetall(key)).toEqual({ over: '1' });
    expect(await redis.admin.pttl(key)).toBeGreaterThan(0);
  }
}

test('who asks two nodes in turn comes once and goes once', async () => {
  await came('a');
  await came('b');
  for (const node of ['a', 'b', 'b', 'a']) {
    await touch(node);
    expect(await viewers()).toBe(1);
    expect((await state.listClients()).items).toMatchObject([{ id: 'tv', node }]);
  }
  expect(await state.getClient('tv')).toMatchObject({ node: 'a', alsoAt: ['b'] });
  // The node that answered last has not heard of it for a while; the other one has.
  await went('a', { bytes: 600 });
  expect(await viewers()).toBe(1);
  expect(await state.getClient('tv')).toMatchObject({ node: 'b' });
  await came('a', '2');
  await went('b', { bytes: 300 });
  expect(await events()).toEqual(['client_connected']);
  await went('a', { bytes: 100 });
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  const [, last] = await state.readEvents();
  expect(last?.data).toMatchObject({ clientId: 'tv', bytes: 1_000, durationMs: expect.any(Number) });
  await expectNothingLeft();
  await came('b', '3');
  expect((await events()).at(-1)).toBe('client_connected');
});

test('a beat that is said again, since its answer was lost, is no second coming or going', async () => {
  await came('a');
  await came('a');
  await went('a');
  await went('a');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  await expectNothingLeft();
});

test('what happened while the state was away is told late, in its order, and of all nodes once', async () => {
  const coming = (node: string) =>
    state.heartbeat(
      beat(node, { events: [told('came', '1'), told('went'), told('came', '2')], clients: [seen(node)] }),
    );
  await coming('a');
  await coming('b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left', 'client_connected']);
  await went('b');
  await went('a');
  expect((await events()).slice(3)).toEqual(['client_disconnected left']);
});

test('its node was killed: it goes on at another one, and nobody hears of it', async () => {
  await came('a');
  await pass(leaseMs / 2, 'b');
  await came('b');
  await pass(leaseMs * 2, 'b');
  expect((await state.sweep()).deadWorkers).toEqual([]);
  expect(await viewers()).toBe(1);
  await went('b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  await expectNothingLeft();
});

test('its node is there again under the same name before it asks anew, at whichever node', async () => {
  const again = beat('a');
  await came('a');
  await state.heartbeat({ ...again, worker: { ...again.worker, pid: 101 } });
  expect(await viewers()).toBe(1);
  await came('b', '2');
  await went('b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  await expectNothingLeft();
});

test('its node was killed, and it does not come back: it is lost, once', async () => {
  await came('a');
  await state.heartbeat(beat('a', { clients: [client('socket', STREAM, 'a')] }));
  await pass(leaseMs * 1.5, 'b');
  // The one with a socket went with it.
  expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['tv']);
  expect(await events()).toEqual(['client_connected', 'client_disconnected lost']);
  await pass(leaseMs * 1.5, 'b');
  const [, socket, lost, ...others] = await state.readEvents();
  expect(others).toEqual([]);
  expect(socket?.data).toMatchObject({ clientId: 'socket', reason: 'lost' });
  expect(lost?.data).toMatchObject({ clientId: 'tv', ip: '192.0.2.7', labels: '{"group":"news"}' });
  await pass(leaseMs, 'b');
  await expectNothingLeft();
});

test('the node that has it too is dead, though not reaped yet: who says farewell is the last', async () => {
  await came('a');
  await came('b');
  await touch('a');
  await pass(leaseMs / 2, 'b');
  // Not through `pass`: nobody reaps.
  for (let n = 0; n < 10; n++) {
    await redis.pass(leaseMs / 8);
    await state.heartbeat(beat('b'));
  }
  await went('b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  expect(await viewers()).toBe(0);
  await pass(leaseMs, 'b');
  expect(await events()).toHaveLength(2);
});

test('a node that was taken for dead is back: the viewer it had all the time is told to have come again', async () => {
  await came('a');
  await pass(leaseMs * 1.5, 'b');
  await pass(leaseMs * 1.5, 'b');
  await state.heartbeat(beat('a', { clients: [seen('a', { username: 'alice' })] }));
  await touch('a');
  await went('a');
  const lostAndBack = ['client_connected', 'client_disconnected lost', 'client_connected'];
  expect(await events()).toEqual([...lostAndBack, 'client_disconnected left']);
  const [, , back] = await state.readEvents();
  expect(back?.data).toMatchObject({ clientId: 'tv', username: 'alice', labels: '{"group":"news"}' });
});

test('a store that lost its memory is told who is there, and makes no news of it', async () => {
  await came('a');
  await came('b');
  await redis.admin.flushall();
  await state.putStream(definition(1));
  for (const node of ['a', 'b']) await state.heartbeat(beat(node));
  await touch('a');
  await touch('b');
  await went('a');
  expect([await viewers(), await events()]).toEqual([1, []]);
  await went('b');
  expect(await events()).toEqual(['client_disconnected left']);
  await expectNothingLeft();
});

test('its node ends: it goes on at another one within a lease, or has left', async () => {
  await came('a');
  await went('a', { does: 'moves', bytes: 700 });
  await state.removeWorker('a');
  expect([await viewers(), await events()]).toEqual([1, ['client_connected']]);
  await came('b', '2');
  await pass(leaseMs * 2, 'b');
  await touch('b');
  await state.heartbeat(beat('a'));
  await went('b', { does: 'moves', bytes: 300 });
  expect(await events()).toEqual(['client_connected']);
  await pass(leaseMs * 2, 'b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected shutdown']);
  expect((await state.readEvents())[1]?.data).toMatchObject({ bytes: 1_000 });
  await expectNothingLeft();
});

test('the last node ends: there is nowhere to go on', async () => {
  await state.removeWorker('b');
  await came('a');
  await went('a', { does: 'moves' });
  expect(await events()).toEqual(['client_connected', 'client_disconnected shutdown']);
  await expectNothingLeft();
});

test.each(['its record', 'its stream'])('%s is removed: both nodes say so, one is heard', async (what) => {
  await came('a');
  await came('b');
  if (what === 'its stream') await state.removeStream(STREAM);
  else expect(await state.removeClients([{ streamId: STREAM, clientId: 'tv' }])).toBe(1);
  expect((await state.listClients()).items).toEqual([]);
  await went('a');
  await went('b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  expect((await redis.admin.keys('presence:*')).concat(await redis.admin.keys('worker:*:clients'))).toEqual(
    [],
  );
});

test('its record is removed, and its node is dead: it is lost all the same', async () => {
  await came('a');
  await state.removeClients([{ streamId: STREAM, clientId: 'tv' }]);
  await pass(leaseMs * 1.5, 'b');
  await pass(leaseMs * 1.5, 'b');
  expect(await events()).toEqual(['client_connected', 'client_disconnected lost']);
  await pass(leaseMs, 'b');
  await expectNothingLeft();
});

test('more happened than one beat holds: records come before what happened', async () => {
  await touch('a');
  await state.heartbeat(beat('a', { events: [told('came')] }));
  expect(await events()).toEqual(['client_connected']);
  await state.heartbeat(beat('a', { gone: [{ streamId: STREAM, clientId: 'tv' }] }));
  expect(await viewers()).toBe(0);
  await state.heartbeat(beat('a', { events: [told('went')] }));
  expect(await events()).toEqual(['client_connected', 'client_disconnected left']);
  await expectNothingLeft();
});

test('who watches two streams is at each by itself; a viewer with a socket needs none of this', async () => {
  await state.putStream(definition(2));
  await came('a');
  const other = { ...told('came'), streamId: idOf(2) };
  await state.heartbeat(beat('b', { events: [other], clients: [{ ...seen('b'), streamId: idOf(2) }] }));
  await went('a');
  expect(await events()).toEqual(['client_connected', 'client_connected', 'client_disconnected left']);
  expect(await state.getClient('tv')).toMatchObject({ streamId: idOf(2), node: 'b' });
  await state.heartbeat(beat('a', { clients: [client('socket', STREAM, 'a')] }));
  expect(await redis.admin.keys('presence:*')).toEqual([`presence:${idOf(2)}:tv`]);
});

const NODES = ['a', 'b', 'c'];
const step = fc.record({
  node: fc.constantFrom(...NODES),
  does: fc.constantFrom(
    ...[
      'poll',
      'poll',
      'poll',
      'pass',
      'pass',
      'pass',
      'leave',
      'end',
      'kill',
      'fall silent',
      'lose its record',
    ],
  ),
  /** The answer to its beat is lost: it says the same again. */
  again: fc.boolean(),
});

test('whatever becomes of its nodes, it comes and goes in turn, and in the end it has gone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await redis.admin.flushall();
      await state.putStream(definition(1));
      const nodes = new Map(NODES.map((id) => [id, { id, pid: 1, visit: 0, has: false, isHeard: true }]));
      type Node = NonNullable<ReturnType<typeof nodes.get>>;
      const say = async (
        node: Node,
        fields: Parameters<typeof beat>[1] = {},
        again = false,
      ): Promise<void> => {
        node.isHeard = true;
        const told = beat(node.id, fields);
        const whole = { ...told, worker: { ...told.worker, pid: node.pid } };
        await state.heartbeat(whole);
        if (again) await state.heartbeat(whole);
      };
      const gone = [{ streamId: STREAM, clientId: 'tv' }];
      const leave = async (node: Node, does: 'went' | 'moves', again: boolean): Promise<void> => {
        const events = [told(does, String(node.visit))];
        if (node.has) await say(node, { events, gone }, again);
        node.has = false;
      };
      const passOn = async (ms: number): Promise<void> => {
        for (let left = ms; left > 0; left -= leaseMs / 4) {
          await redis.pass(leaseMs / 4);
          await state.heartbeat(beat('bystander'));
          for (const node of nodes.values()) if (node.isHeard) await say(node);
          await reap();
        }
      };
      for (const node of nodes.values()) await say(node);
      for (const { node: id, does, again } of steps) {
        const node = nodes.get(id) as Node;
        if (does === 'poll') {
          const events = node.has ? [] : [told('came', String(++node.visit))];
          await say(node, { events, clients: [seen(id)] }, again);
          node.has = true;
          expect(await viewers()).toBe(1);
        } else if (does === 'leave') await leave(node, 'went', again);
        else if (does === 'end') {
          await leave(node, 'moves', again);
          await state.removeWorker(id);
          Object.assign(node, { pid: node.pid + 1, isHeard: false });
        } else if (does === 'kill') Object.assign(node, { pid: node.pid + 1, isHeard: false, has: false });
        else if (does === 'fall silent') node.isHeard = false;
        else if (does === 'lose its record') await state.removeClients(gone);
        else await passOn(1.5 * leaseMs);
      }
      for (const node of nodes.values()) await leave(node, 'went', false);
      for (const node of nodes.values()) node.isHeard = false;
      await passOn(4 * leaseMs);
      const all = (await state.readEvents()).map(({ type }) => type);
      expect(all).toEqual(all.map((_, n) => (n % 2 === 0 ? 'client_connected' : 'client_disconnected')));
      expect(all.length % 2).toBe(0);
      await expectNothingLeft();
    }),
    { numRuns: 25 },
  );
}, 120_000);

describe('one with a socket', () => {
  const socket = (node: string) => client('box', STREAM, node);
  const event = (kind: 'connected' | 'disconnected') =>
    kind === 'connected'
      ? { type: 'client_connected' as const, streamId: STREAM, data: { clientId: 'box' } }
      : { ...told('closed', '1', 0, 'box') };
  const opens = (node: string) =>
    state.heartbeat(beat(node, { events: [event('connected')], clients: [socket(node)] }));
  const closes = (node: string) =>
    state.heartbeat(
      beat(node, { events: [event('disconnected')], gone: [{ streamId: STREAM, clientId: 'box' }] }),
    );
  const [came, lost, left] = ['client_connected', 'client_disconnected lost', 'client_disconnected left'];

  test('is lost with its node, once', async () => {
    await opens('a');
    await pass(leaseMs + clientTtlMs, 'b');
    await reap();
    expect(await viewers()).toBe(0);
    expect(await events()).toEqual([came, lost]);
  });

  test('has not gone twice where its node was only away while it left', async () => {
    await opens('a');
    await pass(leaseMs + clientTtlMs, 'b');
    await closes('a');
    expect(await events()).toEqual([came, lost]);
    expect(await redis.admin.keys('lost:*')).toEqual([]);
  });

  test('is back with its node, and goes as ever', async () => {
    await opens('a');
    await pass(leaseMs + clientTtlMs, 'b');
    for (let i = 0; i < 2; i++) await state.heartbeat(beat('a', { clients: [socket('a')] }));
    expect(await viewers()).toBe(1);
    await closes('a');
    expect(await events()).toEqual([came, lost, came, left]);
  });

  test('that has come to another node meanwhile has come there', async () => {
    await opens('a');
    await pass(leaseMs + clientTtlMs, 'b');
    await opens('b');
    await closes('a');
    expect(await viewers()).toBe(1);
    expect(await events()).toEqual([came, lost, came]);
  });
});

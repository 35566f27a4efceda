import { StreampoolError } from '@streampool/errors';
import { type ProviderRecord, SqliteClusterState } from '@streampool/state';
import type { ConnectionHolder, Slot } from '@streampool/upstream';
import { pino } from 'pino';
import { SlotKeeper, type SlotKeeperOptions } from '../src/index.ts';
import { FakeClock, settle } from './fake-clock.ts';

const acme: ProviderRecord = {
  ...{ id: 'acme', hosts: ['tv.example.org'], maxConnections: 1, preempt: false, origin: 'settings' },
};
const url = 'http://tv.example.org/live.ts';

let store: SqliteClusterState;
let clock: FakeClock;
let away: boolean;
let keepers: SlotKeeper[];
/** What runs at a node, with how many viewers. */
let audiences: Record<string, number>;

beforeEach(() => {
  store = new SqliteClusterState({ path: ':memory:', leaseMs: 15_000, now: () => clock.wallNow() });
  clock = new FakeClock(1_800_000_000_000);
  away = false;
  keepers = [];
  audiences = {};
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  await store.close();
});

/** The store, which is away when the test says so. */
const state = new Proxy({} as SqliteClusterState, {
  get:
    (_, method: keyof SqliteClusterState) =>
    async (...args: unknown[]) => {
      if (away) throw new StreampoolError('STATE_UNAVAILABLE', 'away');
      return (store[method] as (...args: unknown[]) => unknown)(...args);
    },
});

async function keeper(node: string, options: Partial<SlotKeeperOptions> = {}): Promise<SlotKeeper> {
  const engine = {
    audience: (streamId: string) =>
      Array.from({ length: audiences[streamId] ?? 0 }, (_, i) => ({
        ...{ clientId: `${streamId}-${i}`, ip: '192.0.2.1', userAgent: 'VLC', waiting: false },
      })),
    pools: () => Object.keys(audiences).map((streamId) => ({ streamId })),
    stop: async () => 0,
  } as unknown as ReturnType<SlotKeeperOptions['engine']>;
  const made = new SlotKeeper({
    ...{ node, state, clock, heartbeatMs: 5_000, providers: [acme] },
    ...{ engine: () => engine, log: pino({ level: 'silent' }) },
    ...options,
  });
  keepers.push(made);
  await made.start();
  return made;
}

function holder(streamId: string, more: Partial<ConnectionHolder> = {}): ConnectionHolder {
  audiences[streamId] ??= 1;
  return { streamId, ...more };
}

async function take(of: SlotKeeper, streamId: string, more: Partial<ConnectionHolder> = {}): Promise<Slot> {
  return (await of.acquire({ url, holder: holder(streamId, more) }))!;
}

test('no limit, no slot: nothing is waited for', async () => {
  const it = await keeper('w1');
  expect(it.acquire({ url: 'http://elsewhere.example/live.ts' })).toBeUndefined();
});

test('a slot is renewed by the beats and given back when its socket is closed', async () => {
  const it = await keeper('w1');
  const slot = await take(it, 'a');
  await clock.advance(60_000);
  expect(await store.listSlots('acme')).toMatchObject([{ node: 'w1', streamId: 'a' }]);
  expect(it.figures()).toMatchObject([{ id: 'acme', maxConnections: 1, held: 1 }]);
  slot.release();
  slot.release();
  await settle();
  expect(await store.listSlots('acme')).toEqual([]);
});

test('at the limit there is a wait, then a refusal that says why; a slot that comes free in time is taken', async () => {
  const it = await keeper('w1');
  const first = await take(it, 'a');
  const refused = take(it, 'b').catch((error: unknown) => error);
  await clock.advance(2_900);
  const late = take(it, 'c');
  await clock.advance(200);
  expect(await refused).toMatchObject({
    ...{ code: 'PROVIDER_LIMIT', retryAfterSeconds: 2, info: { provider: 'acme', inUse: 1 } },
  });
  first.release();
  await clock.advance(200);
  (await late).release();
  expect(it.figures()).toMatchObject([{ refusals: 1 }]);
});

test('a source made ready beside another one is refused at once, and ends nobody', async () => {
  const it = await keeper('w1');
  const reasons: string[] = [];
  const other = await take(it, 'a', { end: (reason) => void reasons.push(reason) });
  audiences.a = 0;
  await expect(take(it, 'b', { beside: true })).rejects.toMatchObject({ code: 'PROVIDER_LIMIT' });
  expect(reasons).toEqual([]);
  other.release();
});

test('a stream that nobody watches gives way at once', async () => {
  const it = await keeper('w1');
  let other: Slot | undefined;
  let ended = '';
  const end = (reason: string): void => {
    ended = reason;
    other?.release();
  };
  other = await take(it, 'a', { end });
  audiences.a = 0;
  const slot = await take(it, 'b');
  expect(ended).toContain('nobody watched it');
  expect(await store.listSlots('acme')).toMatchObject([{ streamId: 'b' }]);
  expect(it.figures()).toMatchObject([{ handOvers: 1, refusals: 0 }]);
  slot.release();
});

test('a provider that is slow to notice a closed connection is given its time before the next one', async () => {
  const it = await keeper('w1', { providers: [{ ...acme, settleMs: 1_000 }] });
  const end = (): void => other.release();
  const other: Slot = await take(it, 'a', { end });
  audiences.a = 0;
  const began = clock.now();
  let grantedMs = 0;
  const next = take(it, 'b').then((slot) => {
    grantedMs = clock.now() - began;
    return slot;
  });
  await clock.advance(900);
  expect(await store.listSlots('acme')).toMatchObject([{ streamId: 'a' }]);
  await clock.advance(300);
  (await next).release();
  expect(grantedMs).toBe(1_000);
  await it.close();
  expect(await store.listSlots('acme')).toEqual([]);
});

test('who stops waiting leaves no claim behind', async () => {
  const it = await keeper('w1');
  const first = await take(it, 'a');
  const leaving = new AbortController();
  const waiting = it.acquire({ url, holder: holder('b') }, { signal: leaving.signal })!;
  await clock.advance(500);
  leaving.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  first.release();
  await settle();
  expect(await store.listSlots('acme')).toEqual([]);
});

test('a node that has died without a word holds nobody up for longer than its lease', async () => {
  const dead = await keeper('w1');
  await take(dead, 'a');
  keepers = [];
  const it = await keeper('w2');
  // From here on nobody renews what the dead one had.
  await dead.close();
  const refused = take(it, 'b').catch((error: unknown) => error);
  await clock.advance(3_100);
  expect(await refused).toMatchObject({ code: 'PROVIDER_LIMIT' });
  await clock.advance(13_000);
  (await take(it, 'b')).release();
});

test('a node that comes back under its name has given up what it had before', async () => {
  const former = await keeper('w1');
  await take(former, 'a');
  keepers = [];
  const it = await keeper('w1');
  (await take(it, 'b')).release();
});

test('while the state is away a node counts its own connections, and tells of them afterwards', async () => {
  const [one, two] = [await keeper('w1'), await keeper('w2')];
  const playing = await take(one, 'a');
  away = true;
  // Its own are all in use; those of others it cannot know.
  const refused = take(one, 'b').catch((error: unknown) => error);
  const elsewhere = await take(two, 'c');
  await clock.advance(3_100);
  expect(await refused).toMatchObject({ code: 'PROVIDER_LIMIT' });
  playing.release();
  await settle();
  const again = await take(one, 'b');
  away = false;
  await clock.advance(5_000);
  // Both are there, whatever the limit; what was given back meanwhile is not.
  expect((await store.listSlots('acme')).map(({ streamId }) => streamId).sort()).toEqual(['b', 'c']);
  again.release();
  elsewhere.release();
  await settle();
  expect(await store.listSlots('acme')).toEqual([]);
});

test('a store that lost its memory is told of providers and connections again', async () => {
  const it = await keeper('w1');
  await store.putProvider({ ...acme, maxConnections: 5, origin: 'api' });
  await it.refresh();
  const slot = await take(it, 'a');
  await store.close();
  store = new SqliteClusterState({ path: ':memory:', leaseMs: 15_000, now: () => clock.wallNow() });
  await clock.advance(5_000);
  expect(await store.listProviders()).toMatchObject([{ id: 'acme', maxConnections: 5 }]);
  expect(await store.listSlots('acme')).toMatchObject([{ streamId: 'a' }]);
  slot.release();
});

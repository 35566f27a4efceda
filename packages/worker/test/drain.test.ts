import type { WorkerRecord } from '@streampool/state';
import type { PoolSnapshot, RemotePlacement, ViewerSnapshot } from '@streampool/streaming';
import { pino } from 'pino';
import { Drain, type DrainOutcome } from '../src/index.ts';
import { FakeClock, settle } from './fake-clock.ts';

const LEASE_MS = 15_000;
const TIMEOUT_MS = 30_000;
const LOOK_MS = 200;

const worker = (id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...{ id, host: 'h', pid: 1, url: `http://${id}`, status: 'ready', version: '1', ownedStreams: 0 },
  ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 0, heartbeatMs: 100_000 },
  ...fields,
});

const pool = (streamId: string, fields: Partial<PoolSnapshot> = {}): PoolSnapshot => ({
  ...{ streamId, kind: 'transcode', state: 'live', viewers: 0, lastAccess: 0, bytesIn: 0, bytesOut: 0 },
  ...{ failoverIndex: 0, failoverAttempts: 0, restarts: 0, ringBytes: 0, ...fields },
});

/** A worker with streams, whose pools change as the real engine's do. */
class Stand {
  readonly clock = new FakeClock(0);
  pools: PoolSnapshot[] = [];
  viewers: ViewerSnapshot[] = [];
  workers = [worker('self'), worker('b'), worker('c')];
  isStateAway = false;
  readonly stopped: string[] = [];
  readonly offers: { streamId: string; place: RemotePlacement; settle: PromiseWithResolvers<void> }[] = [];
  readonly logged: Record<string, unknown>[] = [];
  outcome: DrainOutcome | undefined;

  run(signal?: AbortSignal): void {
    const drain = new Drain({
      worker: { id: 'self', epochOf: (streamId) => (streamId === 'unowned' ? undefined : 7) },
      engine: {
        pools: () => this.pools,
        viewers: () => this.viewers,
        handOver: (streamId, place) => {
          const offer = { streamId, place, settle: Promise.withResolvers<void>() };
          this.offers.push(offer);
          return offer.settle.promise;
        },
        stop: async (streamId) => {
          this.stopped.push(streamId);
          this.pools = this.pools.filter((other) => other.streamId !== streamId);
          return 0;
        },
      },
      state: {
        listWorkers: async () => {
          if (this.isStateAway) throw new Error('away');
          return this.workers;
        },
      },
      leaseMs: LEASE_MS,
      timeoutMs: TIMEOUT_MS,
      clock: this.clock,
      log: pino({ level: 'info' }, { write: (line: string) => this.logged.push(JSON.parse(line)) }),
    });
    void drain.run(signal).then((outcome) => {
      this.outcome = outcome;
    });
  }

  /** Its pictures come from there now, and its relays have gone along. */
  moved(streamId: string): void {
    this.pools = this.pools.map((other) =>
      other.streamId === streamId ? { ...other, relayed: true, relays: 0 } : other,
    );
  }

  set(streamId: string, fields: Partial<PoolSnapshot>): void {
    this.pools = this.pools.map((other) => (other.streamId === streamId ? { ...other, ...fields } : other));
  }

  get targets(): string[] {
    return this.offers.map(({ place }) => place.owner);
  }
}

const viewer = { clientId: 'c', streamId: 's' } as ViewerSnapshot;
const look = (stand: Stand): Promise<void> => stand.clock.advance(LOOK_MS);

test('a worker with nothing is empty at once, whoever else there is', async () => {
  const stand = new Stand();
  stand.workers = [worker('self')];
  stand.run();
  await settle();
  expect(stand.outcome).toBe('empty');
  expect(stand.clock.pending).toBe(0);
});

test('a stream is handed over under the epoch that it is owned by, and the end waits for relays and viewers', async () => {
  const stand = new Stand();
  stand.pools = [pool('s', { viewers: 1, relays: 2 })];
  stand.viewers = [viewer];
  stand.run();
  await settle();
  expect(stand.offers).toHaveLength(1);
  const { place } = stand.offers[0]!;
  expect(place).toMatchObject({ here: false, epoch: 7, deposes: 7, url: `http://${place.owner}` });
  expect(['b', 'c']).toContain(place.owner);
  // Offered once while the answer is out.
  await stand.clock.advance(5_000);
  expect(stand.offers).toHaveLength(1);
  stand.moved('s');
  stand.set('s', { relays: 1 });
  stand.offers[0]!.settle.resolve();
  await look(stand);
  expect(stand.outcome).toBeUndefined();
  stand.set('s', { relays: 0 });
  await look(stand);
  expect(stand.outcome).toBeUndefined();
  stand.viewers = [];
  await look(stand);
  expect(stand.outcome).toBe('empty');
  expect(stand.offers).toHaveLength(1);
});

test('what nobody watches is stopped, not handed over', async () => {
  const stand = new Stand();
  stand.pools = [pool('idle-one'), pool('relayed-on', { relays: 1 }), pool('failed', { state: 'failed' })];
  stand.run();
  await settle();
  expect(stand.stopped).toEqual(['idle-one']);
  expect(stand.offers.map(({ streamId }) => streamId)).toEqual(['relayed-on']);
});

test('a stream that plays without an owner is handed over too, and deposes nobody', async () => {
  const stand = new Stand();
  stand.pools = [pool('unowned', { viewers: 1 })];
  stand.run();
  await settle();
  expect(stand.offers[0]!.place).toMatchObject({ epoch: 0 });
  expect(stand.offers[0]!.place).not.toHaveProperty('deposes');
});

test('direct streams cannot be handed over: their viewers are waited for', async () => {
  const stand = new Stand();
  stand.pools = [pool('s', { kind: 'direct', viewers: 1 })];
  stand.viewers = [viewer];
  stand.run();
  await stand.clock.advance(5_000);
  expect([stand.offers, stand.stopped, stand.outcome]).toEqual([[], [], undefined]);
  stand.viewers = [];
  await look(stand);
  expect(stand.outcome).toBe('empty');
});

test.each([
  ['nobody else is there', []],
  [
    'the others drain, are gateways, or are dead',
    [
      worker('d', { status: 'draining' }),
      worker('g', { role: 'gateway' }),
      worker('dead', { heartbeatMs: 100_000 - LEASE_MS }),
    ],
  ],
])('it does not wait where %s', async (_, others) => {
  const stand = new Stand();
  stand.workers = [worker('self'), ...others];
  stand.pools = [pool('s', { viewers: 1 })];
  stand.viewers = [viewer];
  stand.run();
  await settle();
  expect(stand.outcome).toBe('alone');
  expect(stand.offers).toEqual([]);
  expect(stand.clock.pending).toBe(0);
});

test('while the state is away nothing is known of the others: it waits, and goes on when the state is back', async () => {
  const stand = new Stand();
  stand.isStateAway = true;
  stand.pools = [pool('s', { viewers: 1 })];
  stand.run();
  await stand.clock.advance(3_000);
  expect([stand.offers, stand.outcome]).toEqual([[], undefined]);
  stand.isStateAway = false;
  await look(stand);
  expect(stand.offers).toHaveLength(1);
});

test('a hand-over that fails is tried again a second later, with another worker', async () => {
  const stand = new Stand();
  stand.pools = [pool('s', { viewers: 1 })];
  stand.run();
  await settle();
  stand.offers[0]!.settle.reject(new Error('refused'));
  await stand.clock.advance(800);
  expect(stand.offers).toHaveLength(1);
  await stand.clock.advance(400);
  expect(stand.offers).toHaveLength(2);
  expect(new Set(stand.targets)).toEqual(new Set(['b', 'c']));
  expect(stand.logged).toContainEqual(
    expect.objectContaining({ level: 40, streamId: 's', reason: 'refused' }),
  );
  // Both have refused: better one of them again than nobody.
  stand.offers[1]!.settle.reject(new Error('refused'));
  await stand.clock.advance(1_200);
  expect(stand.offers).toHaveLength(3);
  stand.offers[2]!.settle.resolve();
  stand.moved('s');
  await look(stand);
  expect(stand.outcome).toBe('empty');
});

test('four streams change over at a time', async () => {
  const stand = new Stand();
  stand.pools = Array.from({ length: 6 }, (_, i) => pool(`s${i}`, { viewers: 1 }));
  stand.run();
  await stand.clock.advance(1_000);
  expect(stand.offers.map(({ streamId }) => streamId)).toEqual(['s0', 's1', 's2', 's3']);
  for (const { streamId, settle: answer } of stand.offers.slice(0, 2)) {
    stand.moved(streamId);
    answer.resolve();
  }
  await look(stand);
  expect(stand.offers.slice(4).map(({ streamId }) => streamId)).toEqual(['s4', 's5']);
});

test('it is given up at the deadline, and a hand-over that fails afterwards is nobody’s concern', async () => {
  const stand = new Stand();
  stand.pools = [pool('s', { viewers: 1 })];
  stand.viewers = [viewer];
  stand.run();
  await stand.clock.advance(TIMEOUT_MS - 1);
  expect(stand.outcome).toBeUndefined();
  await look(stand);
  expect(stand.outcome).toBe('timeout');
  expect(stand.logged.at(-1)).toMatchObject({ outcome: 'timeout', viewers: 1, played: 1 });
  const lines = stand.logged.length;
  stand.offers[0]!.settle.reject(new Error('too late'));
  await settle();
  expect(stand.logged).toHaveLength(lines);
  expect(stand.clock.pending).toBe(0);
});

test('aborted, it ends at its next look and offers nothing more', async () => {
  const stand = new Stand();
  stand.pools = [pool('s', { viewers: 1 }), pool('t', { viewers: 1 })];
  const abort = new AbortController();
  stand.run(abort.signal);
  await settle();
  const offers = stand.offers.length;
  stand.offers[0]!.settle.reject(new Error('refused'));
  abort.abort();
  await look(stand);
  expect(stand.outcome).toBe('aborted');
  await stand.clock.advance(5_000);
  expect(stand.offers).toHaveLength(offers);
});

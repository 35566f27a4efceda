import { setTimeout as delay } from 'node:timers/promises';
import { Reaper } from '@streampool/jobs';
import { pino } from 'pino';
import { median, type Rate, rateOf, timed } from './load.ts';
import { beat, client, definition, idOf, report } from './records.ts';
import { type BenchStore, SHORT_MS } from './store.ts';
import { measureTimelines } from './timelines.ts';

export interface Size {
  readonly workers: number;
  readonly streams: number;
  readonly clients: number;
}

/** One look at what has expired among everything that exists, and its removal by the reaper. */
export interface Sweep {
  readonly existingClients: number;
  readonly expiredClients: number;
  readonly expiredStreams: number;
  /** The look alone; median of several. */
  readonly sweepMs: number;
  /** Look, plan and every step of the removal. */
  readonly reapMs: number;
}

export interface StoreResult {
  readonly store: string;
  readonly size: Size;
  readonly rates: readonly Rate[];
  /** Of memory; Redis only. */
  readonly bytesPerStream?: number;
  readonly bytesPerClient?: number;
  readonly bytesPerStreamEntry?: number;
  readonly bytesPerViewerEntry?: number;
  readonly sweeps: readonly Sweep[];
}

/** Requests that are under way at the same time. */
const AT_ONCE = 64;
/** Viewers in one beat: what a busy node has to say. */
const CLIENTS_PER_BEAT = 1_000;
const LOOKS = 7;
const log = pino({ level: 'silent' });

/** Fills a store, and measures what it manages on the way. */
export async function runStore(
  store: BenchStore,
  size: Size,
  say: (text: string) => void,
): Promise<StoreResult> {
  const { state } = store;
  const { workers, streams, clients } = size;
  const rates: Rate[] = [];
  const note = (rate: Rate): void => {
    rates.push(rate);
    say(`${store.name}: ${rate.what} ${rate.perSecond}/s`);
  };
  const worker = (n: number): string => `worker-${n % workers}`;
  const stream = (n: number): string => idOf('s', n % streams);
  const epochs = new Map<string, number>();

  // Connected, and its scripts loaded.
  await state.heartbeat(beat('warm-up'));
  await state.removeWorker('warm-up');
  const empty = await store.size?.();
  note(
    await rateOf('definitions', { count: streams, atOnce: AT_ONCE }, (n) =>
      state.putStream(definition(stream(n), n)),
    ),
  );
  note(
    await rateOf('claims', { count: streams, atOnce: AT_ONCE }, async (n) => {
      const { epoch } = await state.claim(stream(n), { id: worker(n), host: `host-of-${worker(n)}` });
      epochs.set(stream(n), epoch);
    }),
  );
  // All workers speak of all they own, several times: an interval's worth of beats as fast as they are taken.
  const owned = Array.from({ length: workers }, () => [] as string[]);
  for (let n = 0; n < streams; n++) owned[n % workers]?.push(stream(n));
  const rounds = Math.max(1, Math.min(10, Math.floor(50_000 / streams)));
  const beats = workers * rounds;
  note(
    await rateOf('heartbeats', { count: beats, atOnce: AT_ONCE }, (n) => {
      const streamsOfIt = owned[n % workers]?.map((id) => report(id, epochs.get(id) ?? 0, n));
      return state.heartbeat(beat(worker(n), { streams: streamsOfIt ?? [] }));
    }),
  );
  const withStreams = await store.size?.();

  const sweeps: Sweep[] = [];
  let attached = 0;
  const attachUpTo = (total: number): Promise<Rate> => {
    const from = attached;
    attached = total;
    const count = Math.ceil((total - from) / CLIENTS_PER_BEAT);
    return rateOf('attaches', { count, atOnce: 8, each: CLIENTS_PER_BEAT }, (index) => {
      const first = from + index * CLIENTS_PER_BEAT;
      const node = worker(index);
      const some = Array.from({ length: Math.min(CLIENTS_PER_BEAT, total - first) }, (_, i) =>
        client(`client-${first + i}`, stream(first + i), node),
      );
      return state.heartbeat(beat(node, { clients: some }));
    });
  };
  // The program's own first time is nobody's sweep.
  await sweepOf(store, 0, 1_000);
  // The same number expires, of ever more that exist.
  for (const share of [0.25, 0.5]) {
    await attachUpTo(Math.round(clients * share));
    sweeps.push(await sweepOf(store, attached, 1_000));
  }
  note(await attachUpTo(clients));
  const full = await store.size?.();
  // Ever more expire, of the same number that exist.
  for (const expired of [0, 100, 1_000, 10_000]) sweeps.push(await sweepOf(store, attached, expired));
  for (const sweep of sweeps) {
    say(`${store.name}: ${sweep.expiredClients} of ${sweep.existingClients}: ${sweep.sweepMs.toFixed(2)} ms`);
  }
  const busiest = idOf('s', 0);
  note(await rateOf('look-ups', { count: 5_000, atOnce: AT_ONCE }, () => state.getStream(busiest)));
  const { rates: told, ...entries } = await measureTimelines(store, size);
  for (const rate of told) note(rate);
  return {
    store: store.name,
    size,
    rates,
    ...entries,
    ...(empty !== undefined &&
      withStreams !== undefined &&
      full !== undefined && {
        bytesPerStream: Math.round((withStreams - empty) / streams),
        bytesPerClient: Math.round((full - withStreams) / clients),
      }),
    sweeps,
  };
}

async function sweepOf(store: BenchStore, existingClients: number, expired: number): Promise<Sweep> {
  const { state, mortal } = store;
  const streams = Math.ceil(expired / 10);
  const ids = Array.from({ length: streams }, (_, n) => idOf('x', n));
  await rateOf('', { count: streams, atOnce: AT_ONCE }, async (n) => {
    await state.putStream(definition(ids[n] as string, n));
    await mortal.claim(ids[n] as string, { id: 'mortal', host: 'host' });
  });
  await rateOf('', { count: Math.ceil(expired / CLIENTS_PER_BEAT), atOnce: 8 }, (index) => {
    const first = index * CLIENTS_PER_BEAT;
    const some = Array.from({ length: Math.min(CLIENTS_PER_BEAT, expired - first) }, (_, i) =>
      client(`mortal-${first + i}`, ids[(first + i) % streams] as string, 'mortal'),
    );
    return mortal.heartbeat(beat('mortal', { clients: some }));
  });
  if (expired > 0) await delay(SHORT_MS + 100);
  const looks: number[] = [];
  let found = 0;
  for (let i = 0; i < LOOKS; i++) {
    looks.push(
      await timed(async () => {
        found = (await state.sweep()).expiredClients.length;
      }),
    );
  }
  if (found !== expired) throw new Error(`${found} of ${expired} viewers were found expired`);
  const reaper = new Reaper({ state, log });
  const reapMs = await timed(() => reaper.run());
  const left = (await state.sweep()).expiredClients.length;
  if (left !== 0) throw new Error(`${left} expired viewers were left`);
  await Promise.all(ids.map((id) => state.removeStream(id)));
  return {
    existingClients,
    expiredClients: expired,
    expiredStreams: streams,
    sweepMs: median(looks),
    reapMs,
  };
}

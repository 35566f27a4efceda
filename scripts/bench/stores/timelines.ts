import type { NewTimelineEntry } from '@streampool/state';
import { type Rate, rateOf } from './load.ts';
import { beat, idOf } from './records.ts';
import type { Size } from './run.ts';
import type { BenchStore } from './store.ts';

export interface TimelineCosts {
  readonly rates: readonly Rate[];
  /** Of memory; Redis only. With the list it is in. */
  readonly bytesPerStreamEntry?: number;
  readonly bytesPerViewerEntry?: number;
}

/** Entries in one beat: what a node tells at most. */
const PER_BEAT = 500;
const AT_ONCE = 8;

/** Lets an eventful hour of every stream, and the going of every viewer, be told. */
export async function measureTimelines(
  store: BenchStore,
  { streams, clients }: Size,
): Promise<TimelineCosts> {
  const { nowMs } = await store.state.heartbeat(beat('teller'));
  const tell = (what: string, count: number, entry: (n: number) => NewTimelineEntry): Promise<Rate> =>
    rateOf(what, { count: Math.ceil(count / PER_BEAT), atOnce: AT_ONCE, each: PER_BEAT }, (index) => {
      const timeline = Array.from({ length: PER_BEAT }, (_, i) => entry(index * PER_BEAT + i));
      return store.state.heartbeat(beat('teller', { timeline }));
    });
  const hours = OF_A_STREAM.length;
  const before = await store.size?.();
  const ofStreams = await tell('entries of streams', streams * hours, (n) => ({
    ...{ streamId: idOf('s', Math.floor(n / hours)), node: 'worker-7', atMs: nowMs },
    ...(OF_A_STREAM[n % hours] as (typeof OF_A_STREAM)[number]),
  }));
  const between = await store.size?.();
  const ofViewers = await tell('entries of viewers', clients, (n) => ({
    ...{ type: 'client_disconnected', streamId: idOf('s', n % streams), clientId: `client-${n}` },
    ...{ node: 'gateway-3', atMs: nowMs, data: GOING },
  }));
  const after = await store.size?.();
  return {
    rates: [ofStreams, ofViewers],
    ...(before !== undefined &&
      between !== undefined &&
      after !== undefined && {
        bytesPerStreamEntry: Math.round((between - before) / (streams * hours)),
        bytesPerViewerEntry: Math.round((after - between) / clients),
      }),
  };
}

const OF_A_STREAM: readonly Pick<NewTimelineEntry, 'type' | 'data'>[] = [
  { type: 'stream_started', data: { reason: 'first access point', kind: 'transcode', pid: 4_711 } },
  { type: 'client_connected', data: { clientId: 'a4b1c7e2-5d0f-4a57-9a63-0c9f5f1f2a11' } },
  { type: 'source_gap', data: { gapMs: 1_512, index: 0 } },
  {
    type: 'source_lost',
    data: { code: 'UPSTREAM_TIMEOUT', detail: 'the provider stopped sending for 3 s', index: 0 },
  },
  {
    type: 'failover_triggered',
    data: { reason: 'UPSTREAM_TIMEOUT', gapMs: 3_204, failoverIndex: 1, fromIndex: 0 },
  },
];

const GOING = {
  ...{ ip: '203.0.113.77', username: 'some-user', reason: 'left', bytes: 123_456_789, skips: 0 },
  ...{ durationMs: 1_234_567, userAgent: 'VLC/3.0.20 LibVLC/3.0.20' },
};

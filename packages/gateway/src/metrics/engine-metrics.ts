import type { DetachReason, PoolSnapshot, StreamEngineApi } from '@streampool/streaming';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { Growth } from './growth.ts';

/** Reasons are words of the code, yet a mistake there must not make series without end. */
const MAX_REASONS = 30;
/**
 * Pools come and go between two scrapes, so their figures are taken whenever something happens to one. Taking them costs
 * time in proportion to the number of pools: this many times as long passes before it is done again.
 */
const REST_AFTER_SAMPLE = 20;

const KINDS = ['direct', 'shared', 'transcode'] as const;
const STATES = ['idle', 'starting', 'live', 'switching', 'draining', 'failed'] as const;

const PICTURELESS: ReadonlySet<string> = new Set(['starting', 'switching']);
const SOURCES = ['provider', 'encoder', 'relay'] as const;
/** FFmpeg that keeps pace tells a little less than 1 now and then. */
const LEAST_SPEED = 0.95;

export interface EngineTotals {
  readonly bytesOut: number;
  readonly skips: number;
  readonly sourceSwitches: number;
  readonly switchesByReason: Readonly<Record<string, number>>;
  readonly detachesByReason: Readonly<Record<string, number>>;
}

/**
 * Figures of the data plane. No series per viewer or stream: their number would follow the audience.
 * Costs nothing per byte; pools are looked at when somebody scrapes, and when one ends.
 */
export class EngineMetrics {
  readonly #engine: StreamEngineApi;
  readonly #bytesIn = new Growth();
  readonly #bytesOut = new Growth();
  readonly #carriedBytesOut = new Growth();
  readonly #relayBytes = new Growth();
  readonly #restarts = new Growth();
  readonly #slateMs = new Growth();
  readonly #pools: Gauge<'kind' | 'state'>;
  readonly #viewers: Gauge<'kind'>;
  readonly #ffmpeg: Gauge;
  readonly #ring: Gauge;
  readonly #received: Counter<'source'>;
  readonly #sent: Counter;
  readonly #relayed: Counter;
  readonly #waiting: Gauge<'kind'>;
  readonly #slowest: Gauge;
  readonly #slow: Gauge;
  readonly #ffmpegRestarts: Counter;
  readonly #slate: Counter;
  readonly #detaches: Counter<'reason'>;
  readonly #switches: Counter<'reason'>;
  readonly #gap: Histogram;
  readonly #skips: Counter;
  readonly #skippedBytes: Counter;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #switchesByReason: Record<string, number> = {};
  readonly #detachesByReason: Record<string, number> = {};
  /** Streams that play, with when another URL took over last. */
  readonly #failovers = new Map<string, { index: number; atMs?: number }>();
  #sentTotal = 0;
  #skipsTotal = 0;
  #nextSampleMs = Number.NEGATIVE_INFINITY;

  constructor(engine: StreamEngineApi, registry: Registry) {
    this.#engine = engine;
    const registers = [registry];
    // Registered first, so that a scrape collects it first: its look at the pools also fills all the others.
    this.#pools = new Gauge({
      name: 'streampool_pools',
      help: 'Pools, by their kind and state.',
      labelNames: ['kind', 'state'],
      registers,
      collect: () => this.#collect(),
    });
    this.#viewers = new Gauge({
      name: 'streampool_viewers',
      help: 'Viewers being served, by the kind of their stream.',
      labelNames: ['kind'],
      registers,
    });
    this.#ffmpeg = new Gauge({
      name: 'streampool_ffmpeg_processes',
      help: 'Running FFmpeg processes.',
      registers,
    });
    this.#ring = new Gauge({ name: 'streampool_ring_bytes', help: 'Memory that rings hold.', registers });
    this.#waiting = new Gauge({
      name: 'streampool_viewers_without_picture',
      help: 'Viewers whose stream has no picture to show at the moment, by the kind of their stream.',
      labelNames: ['kind'],
      registers,
    });
    this.#slowest = new Gauge({
      name: 'streampool_ffmpeg_slowest_speed_ratio',
      help: 'Speed of the slowest FFmpeg process of this node, 1 being real time; absent where none has told yet. Lastingly below 1, its viewers run dry.',
      registers,
    });
    this.#slow = new Gauge({
      name: 'streampool_ffmpeg_slow_processes',
      help: 'FFmpeg processes that work slower than their streams play.',
      registers,
    });
    this.#received = new Counter({
      name: 'streampool_source_received_bytes_total',
      help: 'Bytes of media that pools were given by their sources.',
      labelNames: ['source'],
      registers,
    });
    this.#sent = new Counter({
      name: 'streampool_viewer_sent_bytes_total',
      help: 'Bytes of media handed to viewers.',
      registers,
    });
    this.#relayed = new Counter({
      name: 'streampool_relay_sent_bytes_total',
      help: 'Bytes of media handed to other nodes, which play them to their viewers.',
      registers,
    });
    this.#ffmpegRestarts = new Counter({
      name: 'streampool_ffmpeg_restarts_total',
      help: 'FFmpeg processes started again after the first of their pool.',
      registers,
    });
    for (const source of SOURCES) this.#received.inc({ source }, 0);
    this.#slate = new Counter({
      name: 'streampool_slate_seconds_total',
      help: 'Time in which streams showed a slate because no source sent anything.',
      registers,
    });
    this.#detaches = new Counter({
      name: 'streampool_viewer_detaches_total',
      help: 'Viewers that have gone, by why.',
      labelNames: ['reason'],
      registers,
    });
    this.#switches = new Counter({
      name: 'streampool_source_switches_total',
      help: 'Sources replaced while their pool stayed up, by why.',
      labelNames: ['reason'],
      registers,
    });
    this.#gap = new Histogram({
      name: 'streampool_source_switch_gap_seconds',
      help: 'Time without new bytes when a source was replaced.',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
      registers,
    });
    this.#skips = new Counter({
      name: 'streampool_viewer_skips_total',
      help: 'Times a viewer was too slow and went on at a newer keyframe.',
      registers,
    });
    this.#skippedBytes = new Counter({
      name: 'streampool_viewer_skipped_bytes_total',
      help: 'Bytes that viewers missed by being too slow.',
      registers,
    });
    this.#listen();
  }

  /** Since the process started. */
  totals(): EngineTotals {
    this.#sample(this.#engine.pools());
    return {
      bytesOut: this.#sentTotal,
      skips: this.#skipsTotal,
      sourceSwitches: Object.values(this.#switchesByReason).reduce((sum, count) => sum + count, 0),
      switchesByReason: { ...this.#switchesByReason },
      detachesByReason: { ...this.#detachesByReason },
    };
  }

  /** When another of the stream's URLs took over last, while it plays here; ms since the epoch. */
  failedOverAtMs(streamId: string): number | undefined {
    return this.#failovers.get(streamId)?.atMs;
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /** One look at the pools, for everything that a scrape shows of them. */
  #collect(): void {
    const pools = this.#engine.pools();
    this.#sample(pools);
    const sum = (figure: (pool: PoolSnapshot) => number): number =>
      pools.reduce((total, pool) => total + figure(pool), 0);
    for (const kind of KINDS) {
      this.#viewers.set(
        { kind },
        sum((pool) => (pool.kind === kind ? pool.viewers : 0)),
      );
      this.#waiting.set(
        { kind },
        sum((pool) => (pool.kind === kind && PICTURELESS.has(pool.state) ? pool.viewers : 0)),
      );
      for (const state of STATES) {
        this.#pools.set(
          { kind, state },
          sum((pool) => Number(pool.kind === kind && pool.state === state)),
        );
      }
    }
    this.#ffmpeg.set(sum((pool) => Number(pool.kind === 'transcode' && pool.pid !== undefined)));
    this.#ring.set(sum((pool) => pool.ringBytes));
    const speeds = pools.flatMap(({ kind, state, speed }) =>
      kind === 'transcode' && state === 'live' && speed !== undefined ? [speed] : [],
    );
    // A number that nobody measured would be taken for one.
    if (speeds.length > 0) this.#slowest.set(Math.min(...speeds));
    else this.#slowest.remove();
    this.#slow.set(speeds.filter((speed) => speed < LEAST_SPEED).length);
  }

  #listen(): void {
    const engine = this.#engine;
    this.#unsubscribe.push(
      engine.on('viewer_detached', ({ reason }) => this.#onDetached(reason)),
      engine.on('viewer_skipped', ({ bytesSkipped }) => {
        this.#skipsTotal += 1;
        this.#skips.inc();
        this.#skippedBytes.inc(Math.max(0, bytesSkipped));
      }),
      engine.on('source_switched', ({ streamId, reason, gapMs, failoverIndex }) => {
        if (this.#failovers.get(streamId)?.index !== failoverIndex && this.#failovers.has(streamId))
          this.#failovers.set(streamId, { index: failoverIndex, atMs: Date.now() });
        this.#switches.inc({ reason: boundedName(this.#switchesByReason, reason) });
        this.#gap.observe(Math.max(0, gapMs) / 1000);
      }),
      engine.on('pool_state', ({ streamId, to }) => {
        if (to === 'stopped' || to === 'failed') this.#failovers.delete(streamId);
        else if (!this.#failovers.has(streamId)) this.#failovers.set(streamId, { index: 0 });
        this.#sampleIfCheap();
      }),
    );
  }

  #onDetached(reason: DetachReason): void {
    this.#detaches.inc({ reason: boundedName(this.#detachesByReason, reason) });
    this.#sampleIfCheap();
  }

  #sampleIfCheap(): void {
    const startedMs = performance.now();
    if (startedMs < this.#nextSampleMs) return;
    this.#sample(this.#engine.pools());
    const endedMs = performance.now();
    this.#nextSampleMs = endedMs + (endedMs - startedMs) * REST_AFTER_SAMPLE;
  }

  #sample(pools: readonly PoolSnapshot[]): void {
    // The start tells one life of a stream's pool from the next.
    const key = (pool: PoolSnapshot): string => `${pool.streamId}:${pool.startedAt ?? 0}`;
    const figures = (of: (pool: PoolSnapshot) => number): [string, number][] =>
      pools.map((pool) => [key(pool), of(pool)]);
    const sent =
      this.#bytesOut.take(
        figures(
          ({ bytesOut, relayBytesOut = 0, carried }) => bytesOut - relayBytesOut - (carried?.bytesOut ?? 0),
        ),
      ) +
      // On their own: a pool that ends, or whose place another one takes, takes nothing of them along.
      this.#carriedBytesOut.take(
        pools.flatMap(({ streamId, carried }) =>
          carried ? [[`${streamId}:${carried.since}`, carried.bytesOut] as const] : [],
        ),
      );
    this.#sentTotal += sent;
    this.#sent.inc(sent);
    this.#relayed.inc(this.#relayBytes.take(figures((pool) => pool.relayBytesOut ?? 0)));
    const received = this.#bytesIn.takeEach(figures((pool) => pool.bytesIn));
    // A pool may change from one to the other; what came since the last look came from where it plays now.
    const sources = new Map(pools.map((pool) => [key(pool), sourceOf(pool)]));
    for (const [pool, bytes] of received)
      this.#received.inc({ source: sources.get(pool) ?? 'provider' }, bytes);
    this.#slate.inc(this.#slateMs.take(figures((pool) => pool.slateMs ?? 0)) / 1000);
    this.#ffmpegRestarts.inc(
      this.#restarts.take(figures((pool) => (pool.kind === 'transcode' ? pool.restarts : 0))),
    );
  }
}

/** Adds one, under `other` where there are too many names already; the name it was counted under. */
export function boundedName(counts: Record<string, number>, reason: string): string {
  const name = reason in counts || Object.keys(counts).length < MAX_REASONS ? reason : 'other';
  counts[name] = (counts[name] ?? 0) + 1;
  return name;
}

function sourceOf({ kind, relayed }: PoolSnapshot): (typeof SOURCES)[number] {
  if (relayed === true) return 'relay';
  return kind === 'transcode' ? 'encoder' : 'provider';
}

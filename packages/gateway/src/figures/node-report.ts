import { redactUrl } from '@streampool/redaction';
import type { FoundMedia, StreamEngineApi } from '@streampool/streaming';
import type { Metrics } from '../metrics/metrics.ts';

/** What one process has done since it started, and how it is; as nodes tell each other. Sizes in bytes. */
export interface NodeReport {
  readonly uptimeSeconds: number;
  /** To viewers; what went to other nodes is not among it. */
  readonly bytesServed: number;
  readonly segmentsServed: number;
  readonly skips: number;
  readonly sourceSwitches: number;
  readonly switchesByReason: Readonly<Record<string, number>>;
  readonly detachesByReason: Readonly<Record<string, number>>;
  readonly eventLoopDelayP99Ms: number;
  readonly residentMemoryBytes: number;
  readonly cpuSeconds: number;
  readonly ringBytes: number;
  /** Open, and ever opened, to providers. */
  readonly openConnections: number;
  readonly totalConnections: number;
  readonly upstreamBytes: number;
  readonly streams: Readonly<Record<string, StreamReport>>;
}

/** Of a stream that plays here, since it began to play. */
export interface StreamReport {
  /** Bytes that its source gave. */
  readonly in: number;
  /** Bytes that viewers were given. */
  readonly out: number;
  /** Of HLS: segments and parts that viewers were given. */
  readonly segments?: number;
  /** What plays where it is none of the stream's own URLs; redacted. */
  readonly url?: string;
  /** When another of its URLs took over last; ms since the epoch. */
  readonly failedOverAtMs?: number;
  /** What viewers get, and what FFmpeg is given. */
  readonly media?: FoundMedia;
  readonly inputMedia?: FoundMedia;
}

export interface NodeReportOptions {
  readonly engine: Pick<StreamEngineApi, 'pools'>;
  readonly metrics: Metrics;
  /** Wall clock, ms since the epoch. */
  readonly startedAtMs: number;
}

/** The report of this process. */
export function nodeReport({ engine, metrics, startedAtMs }: NodeReportOptions): NodeReport {
  const totals = metrics.engine.totals();
  const upstream = metrics.figures()?.upstream;
  const pools = engine.pools();
  const streams: Record<string, StreamReport> = {};
  for (const pool of pools) {
    const { streamId, namedUrl, segmentsOut, media, inputMedia } = pool;
    const { in: bytesIn, out, segments = 0, ...known } = streams[streamId] ?? { in: 0, out: 0 };
    const failedOverAtMs = metrics.engine.failedOverAtMs(streamId);
    streams[streamId] = {
      ...known,
      // A relay's bytes are counted where they came from.
      in: bytesIn + (pool.relayed === true ? 0 : pool.bytesIn),
      out: out + pool.bytesOut - (pool.relayBytesOut ?? 0),
      ...(segmentsOut !== undefined && { segments: segments + segmentsOut }),
      ...(namedUrl !== undefined && { url: redactUrl(namedUrl) }),
      ...(failedOverAtMs !== undefined && { failedOverAtMs }),
      ...(media && { media }),
      ...(inputMedia && { inputMedia }),
    };
  }
  const { user, system } = process.cpuUsage();
  return {
    uptimeSeconds: Math.floor((Date.now() - startedAtMs) / 1000),
    bytesServed: totals.bytesOut,
    segmentsServed: metrics.segmentsServed(),
    skips: totals.skips,
    sourceSwitches: totals.sourceSwitches,
    switchesByReason: totals.switchesByReason,
    detachesByReason: totals.detachesByReason,
    eventLoopDelayP99Ms: metrics.eventLoopDelayP99Ms(),
    residentMemoryBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    ringBytes: pools.reduce((sum, pool) => sum + pool.ringBytes, 0),
    openConnections: upstream?.openConnections ?? 0,
    totalConnections: upstream?.totalConnections ?? 0,
    upstreamBytes: upstream?.totalBytes ?? 0,
    streams,
  };
}

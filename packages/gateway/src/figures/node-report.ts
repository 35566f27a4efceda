import type { StreamEngineApi } from '@streampool/streaming';
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
  /** What streams that play here were given by their sources, and gave to viewers, since they began to play. */
  readonly streams: Readonly<Record<string, { readonly in: number; readonly out: number }>>;
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
  const streams: Record<string, { in: number; out: number }> = {};
  for (const pool of pools) {
    const sums = streams[pool.streamId] ?? { in: 0, out: 0 };
    // A relay's bytes are counted where they came from.
    sums.in += pool.relayed === true ? 0 : pool.bytesIn;
    sums.out += pool.bytesOut - (pool.relayBytesOut ?? 0);
    streams[pool.streamId] = sums;
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

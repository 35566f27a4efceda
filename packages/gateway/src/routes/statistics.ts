import type { z } from 'zod';
import type { detailedAnswer, proxyStats as proxyStatsSchema } from '../schemas/server-responses.ts';
import { isWatched } from './read-streams.ts';
import type { Services } from './services.ts';

type ProxyStats = z.output<typeof proxyStatsSchema>;
type PerformanceParts = Pick<
  z.output<typeof detailedAnswer>,
  'performance_metrics' | 'failover_stats' | 'error_stats'
>;

/** Health checks come every few seconds from several sides; counting a hundred thousand definitions each time would not be free. */
const COUNT_VALID_MS = 1000;

/** The figures that several answers share. */
export function statistics({ live, engine, metrics, startedAtMs }: Services) {
  let counted:
    | {
        atMs: number;
        counts: Promise<Pick<ProxyStats, 'total_streams' | 'active_streams' | 'total_clients'>>;
      }
    | undefined;

  const count = async () => {
    const { items } = await live.streams();
    return {
      total_streams: items.length,
      active_streams: items.filter(isWatched).length,
      total_clients: items.reduce((sum, stream) => sum + stream.viewers, 0),
    };
  };

  return {
    async proxyStats(): Promise<ProxyStats> {
      const now = performance.now();
      if (!counted || now - counted.atMs > COUNT_VALID_MS) counted = { atMs: now, counts: count() };
      const counts = await counted.counts;
      return {
        ...counts,
        active_clients: counts.total_clients,
        total_bytes_served: metrics.engine.totals().bytesOut,
        total_segments_served: 0,
        uptime_seconds: Math.floor((Date.now() - startedAtMs) / 1000),
      };
    },

    performanceParts(): PerformanceParts {
      const totals = metrics.engine.totals();
      const { user, system } = process.cpuUsage();
      return {
        performance_metrics: {
          event_loop_delay_p99_ms: metrics.eventLoopDelayP99Ms(),
          resident_memory_bytes: process.memoryUsage.rss(),
          cpu_seconds: (user + system) / 1e6,
          ring_bytes: engine.pools().reduce((sum, pool) => sum + pool.ringBytes, 0),
        },
        failover_stats: { source_switches: totals.sourceSwitches, by_reason: totals.switchesByReason },
        error_stats: { skips: totals.skips, detaches_by_reason: totals.detachesByReason },
      };
    },
  };
}

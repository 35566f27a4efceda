import type { z } from 'zod';
import type { NodeReport } from '../figures/node-report.ts';
import type { detailedAnswer, proxyStats as proxyStatsSchema } from '../schemas/server-responses.ts';
import { isWatched } from '../streams/live-view.ts';
import type { StreamFigures } from '../streams/shown.ts';
import type { Services } from './services.ts';

type ProxyStats = z.output<typeof proxyStatsSchema>;
type PerformanceParts = Pick<
  z.output<typeof detailedAnswer>,
  'connection_pool_stats' | 'performance_metrics' | 'failover_stats' | 'error_stats' | 'nodes'
>;

/**
 * Health checks come every few seconds from several sides; counting ten thousand streams each time would not be free. A
 * count holds for this long, and for so many times as long as it took, so that counting never is what a gateway does.
 */
const COUNT_VALID_MS = 1000;
const REST_AFTER_COUNT = 5;

/** The figures that several answers share: of the whole cluster, whichever gateway is asked. */
export function statistics({ live, clusterFigures, startedAtMs }: Services) {
  let counted:
    | {
        untilMs: number;
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

  const counts = () => {
    const begunMs = performance.now();
    if (counted && begunMs < counted.untilMs) return counted.counts;
    // Whoever asks while it is counted waits for the same count.
    const fresh = { untilMs: Number.POSITIVE_INFINITY, counts: count() };
    const hold = (): void => {
      const tookMs = performance.now() - begunMs;
      fresh.untilMs = begunMs + tookMs + Math.max(COUNT_VALID_MS, tookMs * REST_AFTER_COUNT);
    };
    counted = fresh;
    fresh.counts.then(hold, () => {
      fresh.untilMs = 0;
    });
    return fresh.counts;
  };

  const reports = async (): Promise<NodeReport[]> =>
    (await clusterFigures.nodes()).flatMap(({ report }) => report ?? []);

  return {
    async proxyStats(): Promise<ProxyStats> {
      const [now, all] = await Promise.all([counts(), reports()]);
      return {
        ...now,
        active_clients: now.total_clients,
        total_bytes_served: sum(all, ({ bytesServed }) => bytesServed),
        total_segments_served: sum(all, ({ segmentsServed }) => segmentsServed),
        uptime_seconds: Math.floor((Date.now() - startedAtMs) / 1000),
      };
    },

    /** What each stream gave to viewers and was given by its source, on all nodes. */
    async figuresOf(): Promise<(streamId: string) => StreamFigures> {
      const all = await reports();
      return (streamId) => {
        const figures: StreamFigures = { bytesIn: 0, bytesOut: 0, segments: 0 };
        for (const { streams } of all) {
          const report = streams[streamId];
          if (!report) continue;
          figures.bytesIn += report.in;
          figures.bytesOut += report.out;
          figures.segments += report.segments ?? 0;
          if (report.url !== undefined) figures.url = report.url;
          if (report.failedOverAtMs !== undefined)
            figures.failedOverAtMs = Math.max(figures.failedOverAtMs ?? 0, report.failedOverAtMs);
          // Nodes that relay the stream have found the same in it.
          if (report.media) figures.media = report.media;
          if (report.inputMedia) figures.inputMedia = report.inputMedia;
        }
        return figures;
      };
    },

    async performanceParts(): Promise<PerformanceParts> {
      const nodes = await clusterFigures.nodes();
      const all = await reports();
      return {
        connection_pool_stats: {
          open_connections: sum(all, ({ openConnections }) => openConnections),
          total_connections: sum(all, ({ totalConnections }) => totalConnections),
          bytes_received: sum(all, ({ upstreamBytes }) => upstreamBytes),
        },
        performance_metrics: {
          event_loop_delay_p99_ms: Math.max(0, ...all.map((report) => report.eventLoopDelayP99Ms)),
          resident_memory_bytes: sum(all, ({ residentMemoryBytes }) => residentMemoryBytes),
          cpu_seconds: sum(all, ({ cpuSeconds }) => cpuSeconds),
          ring_bytes: sum(all, ({ ringBytes }) => ringBytes),
        },
        failover_stats: {
          source_switches: sum(all, ({ sourceSwitches }) => sourceSwitches),
          by_reason: sums(all.map(({ switchesByReason }) => switchesByReason)),
        },
        error_stats: {
          skips: sum(all, ({ skips }) => skips),
          detaches_by_reason: sums(all.map(({ detachesByReason }) => detachesByReason)),
        },
        nodes: nodes.map(({ node, role, report }) => ({
          node,
          role,
          answered: report !== undefined,
          uptime_seconds: report?.uptimeSeconds ?? null,
          bytes_served: report?.bytesServed ?? null,
          event_loop_delay_p99_ms: report?.eventLoopDelayP99Ms ?? null,
          resident_memory_bytes: report?.residentMemoryBytes ?? null,
          cpu_seconds: report?.cpuSeconds ?? null,
          ring_bytes: report?.ringBytes ?? null,
        })),
      };
    },
  };
}

function sum(reports: readonly NodeReport[], figure: (report: NodeReport) => number): number {
  return reports.reduce((total, report) => total + figure(report), 0);
}

function sums(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const each of counts)
    for (const [name, count] of Object.entries(each)) totals[name] = (totals[name] ?? 0) + count;
  return totals;
}

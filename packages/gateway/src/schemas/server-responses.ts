import { z } from 'zod';
import { shownClient, shownStream } from './stream-responses.ts';

export const proxyStats = z
  .object({
    total_streams: z.int(),
    active_streams: z.int(),
    total_clients: z.int(),
    active_clients: z.int(),
    total_bytes_served: z
      .int()
      .describe(
        'By all nodes that run, each since it started; what nodes pass on to each other is not counted',
      ),
    total_segments_served: z.int(),
    uptime_seconds: z.int(),
  })
  .meta({ id: 'ProxyStats' });

export const rootAnswer = z.object({
  status: z.literal('running'),
  message: z.string(),
  version: z.string(),
  uptime: z.int(),
  stats: proxyStats,
});

export const healthAnswer = z.object({
  status: z.literal('healthy'),
  root_path: z.string(),
  version: z.string(),
  uptime_seconds: z.int(),
  active_streams: z.int(),
  active_clients: z.int(),
  total_bytes_served: z.int(),
  stats: proxyStats,
});

export const livenessAnswer = z.object({ status: z.literal('ok') });
export const readinessAnswer = z.object({ status: z.literal('ready'), state_ms: z.number() });

export const infoAnswer = z.object({
  version: z.string(),
  ffmpeg_version: z.string().nullable(),
  streamlink_version: z.string().nullable().describe('Null where it is not installed, or not to be used'),
  ytdlp_version: z.string().nullable(),
  hardware_acceleration: z.object({
    enabled: z.boolean(),
    type: z.string().nullable(),
    device: z.string().nullable(),
    ffmpeg_args: z.array(z.string()),
  }),
  redis: z.object({
    enabled: z.boolean(),
    pooling_enabled: z.boolean(),
    max_clients_per_stream: z.int(),
    stream_timeout: z.number(),
    sharing_strategy: z.string(),
  }),
  transcoding: z.object({ enabled: z.boolean(), profiles: z.record(z.string(), z.string()) }),
  configuration: z.object({
    default_user_agent: z.string(),
    client_timeout: z.number(),
    stream_timeout: z.number(),
    cleanup_interval: z.number(),
  }),
  worker: z.object({ worker_id: z.string(), heartbeat_interval: z.number(), multi_worker_mode: z.boolean() }),
});

export const profilesAnswer = z.object({
  profiles: z.array(z.object({ name: z.string(), description: z.string(), parameters: z.string() })),
  hardware_acceleration: z.object({ available: z.boolean(), type: z.string().nullable() }),
  default_variables: z.record(z.string(), z.string()),
});

export const statsAnswer = proxyStats
  .extend({ streams: z.array(shownStream), clients: z.array(shownClient) })
  .meta({ id: 'Stats' });

const ofNode = z.number().nullable();
/** m3u-proxy’s part is empty but in its first versions; clients only pass it on. */
const connections = z.object({
  open_connections: z.int().describe('To providers, now'),
  total_connections: z.int(),
  bytes_received: z.int(),
});

const performanceParts = {
  nodes: z
    .array(
      z.object({
        node: z.string(),
        role: z.enum(['worker', 'gateway']),
        answered: z.boolean().describe('False: it is not in the sums'),
        uptime_seconds: ofNode,
        bytes_served: ofNode,
        event_loop_delay_p99_ms: ofNode,
        resident_memory_bytes: ofNode,
        cpu_seconds: ofNode,
        ring_bytes: ofNode,
      }),
    )
    .describe('The one that answers first'),
  performance_metrics: z
    .object({
      event_loop_delay_p99_ms: z.number(),
      resident_memory_bytes: z.int(),
      cpu_seconds: z.number(),
      ring_bytes: z.int(),
    })
    .describe('Of all nodes: sums, and the longest delay'),
  failover_stats: z.object({ source_switches: z.int(), by_reason: z.record(z.string(), z.int()) }),
  error_stats: z.object({ skips: z.int(), detaches_by_reason: z.record(z.string(), z.int()) }),
};

export const performanceAnswer = z.object({
  connection_pool: connections,
  ...performanceParts,
  timestamp: z.iso.datetime(),
});

export const detailedAnswer = z.object({
  proxy_stats: proxyStats,
  connection_pool_stats: connections,
  ...performanceParts,
  stream_count: z.int(),
  client_count: z.int(),
});

export const workersAnswer = z.object({
  workers: z.array(
    z.object({
      worker_id: z.string(),
      role: z.enum(['worker', 'gateway']),
      host: z.string(),
      pid: z.int(),
      url: z.string().describe('Where other nodes reach it'),
      public_url: z.string().describe('Where players reach it'),
      status: z.string(),
      version: z.string(),
      owned_streams: z.int(),
      viewers: z.int(),
      capacity: z.int().describe('The most streams it owns; 0: no limit'),
      encoders: z.int().describe('FFmpeg processes it runs'),
      max_encoders: z.int().describe('The most FFmpeg processes it runs; 0: no limit'),
      load: z.number(),
      started_at: z.iso.datetime(),
      heartbeat_at: z.iso.datetime(),
    }),
  ),
  total: z.int(),
});

export const drainAnswer = z.object({
  worker_id: z.string(),
  status: z.enum(['ready', 'draining']),
  owned_streams: z.int().describe('As of its last heartbeat'),
  viewers: z.int().describe('As of its last heartbeat'),
});

export const cookiesFileAnswer = z.object({ valid: z.boolean(), message: z.string() });

export const testConnectionAnswer = z.object({
  success: z.boolean(),
  message: z.string(),
  status_code: z.int().optional(),
  error: z.string().optional().describe('Code of the error'),
  url_tested: z.string(),
});

import { z } from 'zod';

const labels = z.record(z.string(), z.string());
const redactedUrl = z.string().describe('Credentials in it are replaced by ***');
const time = z.iso.datetime();

const created = {
  stream_id: z.string(),
  primary_url: redactedUrl,
  failover_urls: z.array(redactedUrl),
  user_agent: z.string(),
  stream_endpoint: z.string().describe('Where players get it, relative to the root of this API'),
  direct_url: z.string(),
  message: z.string(),
  metadata: labels.optional(),
};

export const streamCreated = z
  .object({
    ...created,
    stream_type: z.enum(['direct', 'hls']),
    playlist_url: z.string(),
  })
  .meta({ id: 'StreamCreated' });

export const transcodeCreated = z
  .object({
    ...created,
    stream_type: z.enum(['transcoded', 'resolver']),
    playlist_url: z.string().nullable(),
    format: z.string(),
    profile: z.string(),
    profile_variables: labels,
    ffmpeg_args: z.array(z.string()),
    variants: z
      .array(z.object({ profile: z.string(), stream_id: z.string(), ffmpeg_args: z.array(z.string()) }))
      .optional()
      .describe('Of a stream with several profiles: a stream for each'),
    resolver: z.string().optional(),
    resolver_args: z.string().optional(),
    dropped_options: z
      .array(z.object({ option: z.string(), reason: z.string() }))
      .describe('Options of the template that are not used, and why'),
  })
  .meta({ id: 'TranscodeCreated' });

export const failedOver = z
  .object({
    message: z.string(),
    stream_id: z.string(),
    new_url: redactedUrl,
    failover_index: z.int().describe('0 is the primary URL, n the n-th failover URL'),
    failover_attempts: z.int().describe('Sources opened since the stream started, after its first'),
    active_clients: z.int().describe('Viewers in the whole cluster'),
  })
  .meta({ id: 'FailedOver' });

export const drilled = z
  .object({
    stream_id: z.string(),
    fault: z.string(),
    seconds: z.number(),
    switched: z.boolean().describe('Another source, or another connection of the same, took over'),
    failover_index: z.int().describe('What plays now: 0 is the primary URL, n the n-th failover URL'),
    gap_ms: z
      .object({ p50: z.int(), p99: z.int(), max: z.int() })
      .describe(
        'The longest time in which nothing was written to a viewer’s socket, less the delivery interval; over all viewers',
      ),
    viewers: z.int().describe('That were there when the drill began, in the whole cluster'),
    dropped: z.int().describe('Of them: whose response ended with a failure'),
    slate_ms: z.int().describe('For how long the slate was shown'),
    told: z.boolean().describe('The detectors were told of the fault; picture and sound were the real ones'),
  })
  .meta({ id: 'Drilled' });

export const streamState = z.enum(['idle', 'starting', 'live', 'switching', 'draining', 'stopped', 'failed']);

export const mediaInfo = z
  .object({
    resolution: z.string().nullable().describe('`1280x720`'),
    video_codec: z.string().nullable().describe('As FFmpeg names it'),
    fps: z.number().nullable().describe('Pictures a second, on average'),
    bitrate_kbps: z.number().nullable(),
    audio_codec: z.string().nullable().describe('Of the first track'),
    audio_channels: z.string().nullable().describe('`mono`, `stereo`, `5.1`, …'),
    container: z.string().describe('`MPEGTS`'),
  })
  .meta({ id: 'MediaInfo' });

export const shownStream = z
  .object({
    stream_id: z.string(),
    original_url: redactedUrl,
    current_url: redactedUrl,
    user_agent: z.string().nullable(),
    client_count: z.int(),
    total_bytes_served: z.int().describe('By all nodes, since it began to play'),
    total_segments_served: z.int().describe('Of HLS: segments and parts that viewers were given'),
    error_count: z.int().describe('Times the source had to be replaced or restarted'),
    is_active: z.boolean(),
    has_failover: z.boolean(),
    failover_urls: z.array(redactedUrl),
    failover_resolver_url: redactedUrl.nullable(),
    current_failover_index: z.int(),
    failover_attempts: z.int(),
    last_failover_time: time.nullable().describe('When another URL took over last, while it plays'),
    stream_type: z.enum(['Transcoding', 'HLS', 'VOD', 'Live Continuous']),
    created_at: time,
    last_access: time,
    metadata: labels,
    media_info: mediaInfo
      .nullable()
      .describe('What the provider sends, as found in it; null: not known, or the stream does not play'),
    output_media_info: mediaInfo
      .extend({ speed: z.number().nullable().describe('Of the encoder; 1 is real time') })
      .nullable()
      .describe('What FFmpeg makes of it'),
    playlist_url: z
      .string()
      .nullable()
      .describe('Where players get it as HLS, relative to the root of this API'),
    kind: z.enum(['direct', 'shared', 'transcode']),
    state: streamState,
    profile: z.string().nullable(),
    owner: z.string().nullable().describe('The worker that plays it'),
    epoch: z.int(),
    ffmpeg_pid: z.int().nullable(),
    fps: z.number().nullable(),
    speed: z.number().nullable().describe('Of the encoder; 1 is real time'),
    bitrate_kbps: z.number().nullable(),
    bytes_received: z.int().describe('From the provider, by the node that plays it, since it began to play'),
    last_error: z.string().nullable(),
  })
  .meta({ id: 'Stream' });

export const shownClient = z
  .object({
    client_id: z.string(),
    stream_id: z.string(),
    user_agent: z.string(),
    ip_address: z.string(),
    username: z.string().nullable(),
    bytes_served: z.int(),
    segments_served: z.int().describe('Of HLS: segments and parts'),
    created_at: time,
    last_access: time,
    is_connected: z.boolean(),
    lag_bytes: z.int().describe('How far behind the live end'),
    skips: z.int().describe('Times it was too slow and jumped forward'),
    node: z.string(),
  })
  .meta({ id: 'Client' });

const next = z.string().optional().describe('Give it as `after` to read on');

export const streamList = z.object({ streams: z.array(shownStream), total: z.int(), next });
export const clientList = z.object({ total_clients: z.int(), clients: z.array(shownClient), next });
export const streamStatsList = z.object({ total_streams: z.int(), streams: z.array(shownStream), next });

export const streamDetail = z.object({
  stream: shownStream.extend({
    headers: labels,
    stream_endpoint: z.string(),
    profile_variables: labels.nullable(),
    ffmpeg_args: z.array(z.string()).nullable(),
  }),
  clients: z.array(shownClient),
  client_count: z.int(),
});

export const matchingStreams = z.object({
  filter: z.object({ field: z.string(), value: z.string() }),
  active_only: z.boolean(),
  matching_streams: z.array(
    shownStream
      .pick({
        stream_id: true,
        client_count: true,
        metadata: true,
        last_access: true,
        is_active: true,
        stream_type: true,
      })
      .extend({ url: redactedUrl }),
  ),
  total_matching: z.int(),
  total_clients: z.int(),
});

export const metadataCounts = z.object({ field: z.string(), counts: z.record(z.string(), z.int()) });

export const deletedStream = z.object({ message: z.string(), disconnected_clients: z.int() });

export const deletedStreams = z.object({
  message: z.string(),
  deleted_streams: z.array(z.string()),
  skipped_streams: z.array(
    z.object({ stream_id: z.string(), reason: z.string(), active_clients: z.int().optional() }),
  ),
  deleted_count: z.int(),
});

export const deletedOldest = z.object({
  message: z.string(),
  deleted_stream: z.string().nullable(),
  stream_age_seconds: z.number().optional(),
  deleted_count: z.int(),
});

export const deletedClient = z.object({
  message: z.string(),
  confirmed: z.boolean().describe('Its connection is closed; false: its node did not answer'),
});

export const errorAnswer = z
  .object({
    code: z.string().describe('Stable: what programs match'),
    detail: z.string().describe('For people'),
    request_id: z.string(),
    info: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
    errors: z.array(z.object({ path: z.string(), reason: z.string() })).optional(),
  })
  .meta({ id: 'Error' });

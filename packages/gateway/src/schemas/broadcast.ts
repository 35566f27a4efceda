import { z } from 'zod';
import { sourceHeaders, sourceUrl } from './scalars.ts';

const seconds = (most: number) => z.number({ error: 'must be a number' }).min(0).max(most).nullish();
const word = z
  .string({ error: 'must be a string' })
  .regex(/^\w[\w-]{0,63}$/, { error: 'must be one word' })
  .nullish();

export const networkParams = z.object({
  network: z
    .string()
    .regex(/^[\w-]{1,64}$/, { error: 'must be letters, digits, _ and -, 64 at most' })
    .describe('The network’s name'),
});
export const networkSegmentParams = networkParams.extend({ file: z.string().max(64) });
export const networkNumberParams = networkParams.extend({
  number: z
    .string()
    .regex(/^\d{1,12}$/, { error: 'must be digits' })
    .describe('The segment’s number as the playlist writes it, such as 000042'),
});

export const startBody = z
  .object(
    {
      stream_url: sourceUrl.describe('The programme'),
      seek_seconds: seconds(10 * 86_400).describe('Where in it to begin'),
      duration_seconds: seconds(10 * 86_400).describe('How long it is shown; 0: to its end'),
      segment_start_number: z
        .int({ error: 'must be a whole number' })
        .min(0)
        .max(2 ** 31)
        .nullish()
        .describe(
          'Number of its first segment; 0: the one after the last, unless the network was stopped or recorded',
        ),
      add_discontinuity: z.boolean({ error: 'must be true or false' }).nullish(),
      segment_duration: z.number({ error: 'must be a number' }).min(1).max(60).nullish(),
      hls_list_size: z.int({ error: 'must be a whole number' }).min(3).max(1_000).nullish(),
      transcode: z.boolean({ error: 'must be true or false' }).nullish(),
      video_bitrate: z
        .union([
          z.int().min(50).max(200_000),
          z.string().regex(/^\d{2,6}k?$/, { error: 'must be a number of kbit/s' }),
        ])
        .nullish(),
      audio_bitrate: z.int({ error: 'must be a whole number' }).min(16).max(1_024).nullish(),
      video_resolution: z
        .string({ error: 'must be a string' })
        .regex(/^-?\d{1,5}[x:]-?\d{1,5}$/, { error: 'must be a size such as 1280x720' })
        .nullish(),
      video_codec: word,
      audio_codec: word,
      preset: word,
      hwaccel: word.describe(
        'The encoder says which hardware is used; this is kept for clients that send it',
      ),
      callback_url: sourceUrl
        .nullish()
        .describe('Told when the programme is over by itself, or cannot go on'),
      headers: sourceHeaders.nullish().describe('For the source'),
      dvr_mode: z
        .boolean({ error: 'must be true or false' })
        .nullish()
        .describe('A recording: all segments stay'),
      metadata: z.record(z.string(), z.unknown()).nullish(),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'BroadcastStart' });

export type StartBody = z.output<typeof startBody>;

const status = {
  network_id: z.string(),
  status: z.enum(['starting', 'running', 'stopping', 'stopped', 'failed']),
  current_segment_number: z.int(),
  started_at: z.iso.datetime().nullable(),
  stream_url: z.string().describe('Credentials in it are replaced by ***'),
  ffmpeg_pid: z.int().nullable(),
  error_message: z.string().nullable(),
  bytes_written: z.int(),
};

export const broadcastStatus = z
  .object({
    ...status,
    stream_id: z.string().describe('Under which the network is among the streams'),
    hls_dir: z.string().nullable().describe('On the disk of the node that plays it'),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'BroadcastStatus' });

export const broadcastList = z.object({ broadcasts: z.array(broadcastStatus), count: z.int() });
export const broadcastStopped = z.object({
  message: z.string(),
  network_id: z.string(),
  final_segment_number: z.int(),
  status: z.string(),
});
export const broadcastRemoved = z.object({ message: z.string() });

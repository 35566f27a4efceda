import { DRILL_FAULTS } from '@streampool/streaming';
import { z } from 'zod';
import { detectionSettings } from './detection-settings.ts';
import { PROVIDER_ID } from './providers.ts';
import { metadata, queryFlag, sourceHeaders, sourceUrl, templateVariables, userAgent } from './scalars.ts';

const flag = z.boolean({ error: 'must be true or false' }).nullish();
const seconds = (least: number, most: number) =>
  z.number({ error: 'must be a number' }).min(least).max(most).nullish();

/** Settings of a single stream that are kept with it for the parts that use them. */
const streamSettings = {
  strict_live_ts: flag.describe(
    'For players that stumble easily over channels: every viewer begins with program tables and a keyframe, ranges are not answered, HEAD opens nothing; that is what `shared` does',
  ),
  use_sticky_session: flag.describe(
    'Of HLS: a provider that redirects is asked at the place where it led to, as long as that answers',
  ),
  slate: flag.describe('Show a slate while no source sends anything; only for shared and transcoded streams'),
  ...detectionSettings,
  connect_timeout: seconds(0.1, 60).describe('The longest that connecting to a source may take; seconds'),
  first_byte_timeout: seconds(0.1, 600).describe('The longest that a source may take to answer; seconds'),
  stall_timeout: seconds(0.5, 600).describe(
    'A source that sends nothing for this long counts as lost; seconds',
  ),
  provider_id: z
    .string({ error: 'must be a string' })
    .regex(PROVIDER_ID, { error: 'must be letters, digits and . _ -' })
    .nullish()
    .describe('The provider whose max_connections counts; by default the one that has the URL’s host'),
  priority: z
    .int({ error: 'must be a whole number' })
    .min(-1_000)
    .max(1_000)
    .nullish()
    .describe(
      'At the limit of a provider with preempt, a higher one takes the place of a lower one; 0 by default',
    ),
  failback_after: seconds(0, 86_400).describe(
    'On a failover URL for this long, the primary is tried again; seconds, 0: never',
  ),
};

/** Names of {@link streamSettings}, as they are kept with the definition. */
export const STREAM_SETTINGS = Object.keys(streamSettings) as (keyof typeof streamSettings)[];

const source = {
  url: sourceUrl.describe('Where the stream comes from'),
  failover_urls: z
    .array(sourceUrl, { error: 'must be a list of URLs' })
    .max(50)
    .nullish()
    .describe('Sources to go on with when the first one fails, in this order'),
  failover_resolver_url: sourceUrl.nullish().describe('Asked for the next source when the current one fails'),
  user_agent: userAgent.nullish().describe('What the provider is told'),
  headers: sourceHeaders.nullish().describe('Further headers for the provider'),
  metadata: metadata.nullish().describe('Labels to find the stream by; scalars are kept as strings'),
  ...streamSettings,
};

export const createStreamBody = z
  .object(
    {
      ...source,
      shared: flag.describe('One provider connection for all viewers instead of one for each'),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'CreateStream' });

export const createTranscodeBody = z
  .object(
    {
      ...source,
      profile: z
        .string({ error: 'must be a string' })
        .min(1)
        .max(16_384)
        .nullish()
        .describe('A profile’s name, or a template of FFmpeg arguments that begins with "-"'),
      profiles: z
        .array(z.string({ error: 'must be a string' }).min(1).max(16_384), {
          error: 'must be a list of profiles',
        })
        .min(1)
        .max(8)
        .nullish()
        .describe('Several profiles, best first: players choose among them (adaptive HLS)'),
      profile_variables: templateVariables.nullish().describe('Values for the variables of the profile'),
      output_format: z
        .string({ error: 'must be a string' })
        .regex(/^[a-z0-9_]{1,32}$/, { error: 'must be the name of an FFmpeg format' })
        .nullish(),
      resolver: z
        .enum(['streamlink', 'ytdlp'], { error: 'must be streamlink or ytdlp' })
        .nullish()
        .describe(
          'The URLs are those of pages, on which this program finds the media; it is copied where no profile is named',
        ),
      resolver_args: z
        .string({ error: 'must be a string' })
        .max(2_048)
        .nullish()
        .describe('A quality of streamlink or a format of yt-dlp, and options that only choose'),
      cookies: z
        .string({ error: 'must be a string' })
        .max(256 * 1024)
        .nullish()
        .describe('For the page, in Netscape’s format; kept sealed'),
      cookies_path: z
        .string({ error: 'must be a string' })
        .min(1)
        .max(1_024)
        .nullish()
        .describe('The same in a file of the node that is asked, in the folder RESOLVER_COOKIES_DIR'),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'CreateTranscode' });

export type CreateStreamBody = z.output<typeof createStreamBody>;
export type CreateTranscodeBody = z.output<typeof createTranscodeBody>;

export const streamParams = z.object({ id: z.string().min(1).describe('The stream’s id') });
export const failoverBody = z
  .object(
    {
      index: z
        .int({ error: 'must be a whole number' })
        .min(0)
        .nullish()
        .describe(
          'The source to play: 0 is the primary URL, n the n-th failover URL; the next one by default',
        ),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .nullish()
  .meta({ id: 'Failover' });
export const drillBody = z
  .object(
    {
      fault: z
        .enum(DRILL_FAULTS, { error: `must be one of ${DRILL_FAULTS.join(', ')}` })
        .describe(
          'cut: its connection ends; stall: it stops sending; error: its provider answers 503; black, silence: the detectors find it so',
        ),
      seconds: z
        .number({ error: 'must be a number' })
        .min(1)
        .max(60)
        .default(10)
        .describe('For how long; reconnecting to the same source fails meanwhile'),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'Drill' });
export const workerParams = z.object({ id: z.string().min(1).max(128).describe('The worker’s id') });
export const clientParams = z.object({ id: z.string().min(1).max(128).describe('The client’s id') });

const field = z.string({ error: 'is required' }).min(1).max(256).describe('Name of a metadata field');
const value = z.string({ error: 'is required' }).max(4096).describe('Its value');

export const listQuery = z.object({
  limit: z.coerce
    .number({ error: 'must be a number' })
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Items per page; all without it'),
  after: z.string().max(256).optional().describe('The `next` of the page before'),
});

export const byMetadataQuery = z.object({
  field,
  value,
  active_only: queryFlag.default(true).describe('Only streams that somebody watches'),
});

export const countsByMetadataQuery = z.object({
  field,
  values: z
    .string({ error: 'is required' })
    .max(16_384)
    .transform((list) => [
      ...new Set(
        list
          .split(',')
          .map((item) => item.trim())
          .filter(Boolean),
      ),
    ])
    .refine((items) => items.length <= 500, { error: 'must not name more than 500 values' })
    .describe('Values to count, separated by commas'),
  active_only: queryFlag.default(true).describe('Only streams that somebody watches'),
});

export const deleteByMetadataQuery = z.object({
  field,
  value,
  exclude_channel_id: z.string().max(256).optional().describe('Keeps the stream whose metadata `id` is this'),
  force: queryFlag.default(true).describe('false: keeps streams that others still watch'),
  client_id: z.string().max(128).optional().describe('The viewer that is leaving; counts as gone'),
});

export const deleteOldestQuery = deleteByMetadataQuery.pick({
  field: true,
  value: true,
  exclude_channel_id: true,
});

export const cookiesFileQuery = z.object({
  path: z.string({ error: 'is required' }).min(1).max(1_024).describe('Of a file on the node that is asked'),
});

export const testConnectionBody = z
  .object({ url: sourceUrl }, { error: 'must be a JSON object (send Content-Type: application/json)' })
  .meta({ id: 'TestConnection' });

import { type SharingStrategy, type StreamDefinition, type StreamKind, streamId } from '@streampool/state';
import type { ResolvedTranscode } from '../options.ts';
import {
  type CreateStreamBody,
  type CreateTranscodeBody,
  STREAM_SETTINGS,
} from '../schemas/stream-requests.ts';
import { isFile, streamTypeOf } from './stream-type.ts';

export interface DefinitionOptions {
  readonly sharing: SharingStrategy;
  readonly nowMs: number;
}

/** The definition of a stream that goes out as it comes in. */
export function streamDefinition(body: CreateStreamBody, options: DefinitionOptions): StreamDefinition {
  const kind: StreamKind = isShared(body) ? 'shared' : 'direct';
  const source = sourceOf(body);
  // A direct stream shares nothing between its viewers; its id only finds the definition again.
  const sharing = kind === 'shared' ? options.sharing : 'url_profile';
  return {
    ...source,
    id: streamId({ kind, ...source }, sharing),
    kind,
    streamType: streamTypeOf(body.url),
    createdAtMs: options.nowMs,
  };
}

/** Strictness over channels is what pools have by nature; a file or a playlist is none of them. */
function isShared({ shared, strict_live_ts, url }: CreateStreamBody): boolean {
  if (typeof shared === 'boolean') return shared;
  return strict_live_ts === true && streamTypeOf(url) === 'direct' && !isFile(url);
}

/** How the media on a page is found; cookies sealed. */
export interface PageChoice {
  readonly name: string;
  readonly args: string;
  readonly cookies?: string;
}

/** The definition of a stream that FFmpeg makes. `page`: of a page in the place of media. */
export function transcodeDefinition(
  body: CreateTranscodeBody,
  resolved: ResolvedTranscode,
  options: DefinitionOptions,
  page?: PageChoice,
): StreamDefinition {
  const source = sourceOf(body);
  const { args: ffmpegArgs, format } = resolved;
  const resolver = page && { resolver: [page.name, page.args, page.cookies ?? ''] };
  return {
    ...source,
    // Clients look for transcoded streams by these labels.
    metadata: {
      transcoding: 'true',
      profile: resolved.profile,
      ...(page && { resolver: page.name, resolver_args: page.args }),
      ...source.metadata,
    },
    ...(page && { resolver: page }),
    id: streamId({ kind: 'transcode', ...source, ffmpegArgs, format, ...resolver }, options.sharing),
    kind: 'transcode',
    streamType: 'direct',
    profile: resolved.profile,
    profileVariables: resolved.variables,
    ffmpegArgs,
    format,
    createdAtMs: options.nowMs,
  };
}

function sourceOf(body: CreateStreamBody | CreateTranscodeBody) {
  return {
    url: body.url,
    failoverUrls: body.failover_urls ?? [],
    ...(body.failover_resolver_url != null && { failoverResolverUrl: body.failover_resolver_url }),
    ...(body.user_agent && { userAgent: body.user_agent }),
    headers: presentOnly(body.headers ?? {}),
    metadata: body.metadata ?? {},
    settings: settingsOf(body),
  };
}

function presentOnly(headers: Record<string, string | null>): Record<string, string> {
  const present = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(present);
}

function settingsOf(body: CreateStreamBody | CreateTranscodeBody): Record<string, string | number | boolean> {
  const settings: Record<string, string | number | boolean> = {};
  for (const name of STREAM_SETTINGS) {
    const value = body[name];
    if (value !== null && value !== undefined) settings[name] = value;
  }
  return settings;
}

import { redactHeaders, redactText, redactUrl } from '@streampool/redaction';
import type { ClientRecord, StreamDefinition } from '@streampool/state';
import type { FoundMedia } from '@streampool/streaming';
import type { z } from 'zod';
import { hasPlaylist } from '../hls/hls-stream.ts';
import type { shownClient, shownStream, streamDetail } from '../schemas/stream-responses.ts';
import type { LiveStream } from './live-view.ts';
import { mediaInfos } from './media-info.ts';
import type { UrlSigner } from './signed-url.ts';
import { shownStreamType } from './stream-type.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Labels are free text, so a URL in one may hold a login. */
export function redactLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, redactText(value)]));
}

/** Of one stream, on all nodes, while it plays. */
export interface StreamFigures {
  bytesIn: number;
  bytesOut: number;
  segments: number;
  /** What plays where it is none of the stream's own URLs; redacted. */
  url?: string;
  /** ms since the epoch. */
  failedOverAtMs?: number;
  /** What viewers get. */
  media?: FoundMedia;
  /** What FFmpeg is given. */
  inputMedia?: FoundMedia;
}

/**
 * A stream as the API shows it: m3u-proxy's fields first, then ours. `signer`: of the addresses that players get.
 */
export function showStream(
  { record, pool, viewers }: LiveStream,
  signer: Pick<UrlSigner, 'query'>,
  figures?: StreamFigures,
): z.output<typeof shownStream> {
  const url = redactUrl(record.url);
  const failoverUrls = record.failoverUrls.map(redactUrl);
  return {
    stream_id: record.id,
    original_url: url,
    current_url: figures?.url ?? failoverUrls[record.failoverIndex - 1] ?? url,
    user_agent: record.userAgent ?? null,
    client_count: viewers,
    total_bytes_served: figures?.bytesOut ?? pool?.bytesOut ?? 0,
    total_segments_served: figures?.segments ?? pool?.segmentsOut ?? 0,
    error_count: pool?.restarts ?? 0,
    is_active: record.state !== 'failed' && record.state !== 'stopped',
    has_failover: failoverUrls.length > 0 || record.failoverResolverUrl !== undefined,
    failover_urls: failoverUrls,
    failover_resolver_url: record.failoverResolverUrl ?? null,
    current_failover_index: record.failoverIndex,
    failover_attempts: record.failoverAttempts,
    last_failover_time: figures?.failedOverAtMs === undefined ? null : iso(figures.failedOverAtMs),
    stream_type: shownStreamType(record),
    created_at: iso(record.createdAtMs),
    last_access: iso(record.lastAccessMs),
    metadata: redactLabels(record.metadata),
    ...mediaInfos(record, figures),
    playlist_url: hasPlaylist(record) ? `/hls/${record.id}/playlist.m3u8${signer.query(record.id)}` : null,
    kind: record.kind,
    state: record.state,
    profile: record.profile ?? null,
    owner: record.owner || null,
    epoch: record.epoch,
    ffmpeg_pid: record.ffmpegPid ?? null,
    fps: record.fps ?? null,
    speed: record.speed ?? null,
    bitrate_kbps: record.bitrateKbps ?? null,
    bytes_received: figures?.bytesIn ?? pool?.bytesIn ?? 0,
    last_error: record.lastError === undefined ? null : redactText(record.lastError),
  };
}

/** What only the definition knows, beside the stream. `endpoint` is where players get it. */
export function showDefinition(
  definition: StreamDefinition | undefined,
  endpoint: string,
): Omit<z.output<typeof streamDetail>['stream'], keyof z.output<typeof shownStream>> {
  return {
    headers: redactLabels(redactHeaders(definition?.headers ?? {})),
    stream_endpoint: endpoint,
    profile_variables: definition?.profileVariables ? redactLabels(definition.profileVariables) : null,
    ffmpeg_args: definition?.ffmpegArgs?.map(redactText) ?? null,
  };
}

export function showClient(client: ClientRecord): z.output<typeof shownClient> {
  return {
    client_id: client.id,
    stream_id: client.streamId,
    user_agent: client.userAgent,
    ip_address: client.ip,
    username: client.username ?? null,
    bytes_served: client.bytes,
    segments_served: client.segments ?? 0,
    created_at: iso(client.connectedAtMs),
    last_access: iso(client.lastActiveMs),
    is_connected: true,
    lag_bytes: client.lagBytes,
    skips: client.skips,
    node: client.node,
  };
}

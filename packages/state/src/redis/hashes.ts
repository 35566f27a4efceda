import { redactText } from '@streampool/redaction';
import type { StreamReport } from '../cluster-state.ts';
import type {
  ClientRecord,
  OrphanProcess,
  StreamDefinition,
  StreamKind,
  StreamRecord,
  StreamState,
  WorkerRecord,
} from '../records.ts';
import { shownMetadata, shownStream } from '../shown-stream.ts';

/** Field, value, field, value, …, as HSET takes them and HGETALL gives them in a script. */
export type Flat = string[];

/** Fields to set and fields to remove: absent ones must not keep an older value. */
export interface HashChange {
  readonly set: Flat;
  readonly clear: string[];
}

export function hashOf(flat: readonly string[]): Record<string, string> {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i] as string] = flat[i + 1] as string;
  return hash;
}

function change(fields: Readonly<Record<string, string | undefined>>): HashChange {
  const set: Flat = [];
  const clear: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) clear.push(field);
    else set.push(field, value);
  }
  return { set, clear };
}

/** Times are kept as people read them; a host's clock plays no part in what is done with them. */
function isoTime(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}

function optional(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number.parseFloat(value);
}

/** What of a definition is shown in `stream:<id>`, and the names of its metadata's index keys. */
export function definitionChange(definition: StreamDefinition): HashChange & { metadata: string[] } {
  const shown = shownStream(definition);
  const { metadata } = shown;
  return {
    ...change({
      kind: shown.kind,
      stream_type: shown.streamType,
      url: shown.url,
      failover_urls: JSON.stringify(shown.failoverUrls),
      failover_resolver_url: shown.failoverResolverUrl,
      profile: shown.profile,
      user_agent: shown.userAgent,
      metadata: JSON.stringify(metadata),
    }),
    metadata: Object.entries(metadata).map(([field, value]) => indexName(field, value)),
  };
}

/** The index key of a metadata value, after its prefix. Encoded, so that no field and value can pass for another pair. */
export function metadataIndex(field: string, value: string): string {
  return indexName(field, shownMetadata({ [field]: value })[field] as string);
}

function indexName(field: string, value: string): string {
  return `${encodeURIComponent(field)}:${encodeURIComponent(value)}`;
}

export function reportChange(report: StreamReport) {
  const { streamId: id, epoch, lastAccessMs } = report;
  const fields: Record<string, string | number | null | undefined> = {
    state: report.state,
    ffmpeg_pid: report.ffmpegPid,
    ffmpeg_start_ticks: report.ffmpegStartTicks,
    bitrate: report.bitrateKbps == null ? report.bitrateKbps : `${report.bitrateKbps} kbit/s`,
    fps: report.fps,
    speed: report.speed,
    failover_index: report.failoverIndex,
    failover_attempts: report.failoverAttempts,
    last_error: report.lastError == null ? report.lastError : redactText(report.lastError),
  };
  const set: Flat = [];
  const clear: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (value === null) clear.push(field);
    else if (value !== undefined) set.push(field, String(value));
  }
  return {
    id,
    epoch,
    set,
    clear,
    ...(lastAccessMs !== undefined && { lastAccessMs: Math.round(lastAccessMs) }),
  };
}

export function toStream(id: string, hash: Readonly<Record<string, string>>): StreamRecord {
  const figures = {
    ffmpegPid: optional(hash.ffmpeg_pid),
    ffmpegStartTicks: optional(hash.ffmpeg_start_ticks),
    bitrateKbps: optional(hash.bitrate),
    fps: optional(hash.fps),
    speed: optional(hash.speed),
  };
  return {
    id,
    kind: hash.kind as StreamKind,
    streamType: hash.stream_type as 'direct' | 'hls',
    url: hash.url ?? '',
    failoverUrls: JSON.parse(hash.failover_urls ?? '[]'),
    ...(hash.failover_resolver_url !== undefined && { failoverResolverUrl: hash.failover_resolver_url }),
    ...(hash.profile !== undefined && { profile: hash.profile }),
    ...(hash.user_agent !== undefined && { userAgent: hash.user_agent }),
    metadata: JSON.parse(hash.metadata ?? '{}'),
    createdAtMs: Date.parse(hash.created_at ?? ''),
    state: hash.state as StreamState,
    owner: hash.owner ?? '',
    epoch: Number(hash.epoch),
    host: hash.host ?? '',
    viewers: Number(hash.viewers),
    failoverIndex: Number(hash.failover_index),
    failoverAttempts: Number(hash.failover_attempts),
    lastAccessMs: Date.parse(hash.last_access ?? ''),
    ...Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)),
    ...(hash.last_error !== undefined && { lastError: hash.last_error }),
  };
}

/** One viewer for touch-clients.lua, which adds the node. */
export function clientChange(
  client: ClientRecord,
): HashChange & { stream: string; id: string; socketless?: true } {
  return {
    stream: client.streamId,
    id: client.id,
    ...(client.segments !== undefined && { socketless: true }),
    ...change({
      ip: client.ip,
      user_agent: client.userAgent,
      username: client.username,
      connected_at: isoTime(client.connectedAtMs),
      last_active: isoTime(client.lastActiveMs),
      bytes: String(Math.round(client.bytes)),
      lag_bytes: String(Math.round(client.lagBytes)),
      skips: String(client.skips),
      segments: client.segments === undefined ? undefined : String(client.segments),
    }),
  };
}

/** Undefined for an empty hash: its key has expired. */
export function toClient(
  ids: { streamId: string; clientId: string },
  hash: Readonly<Record<string, string>>,
): ClientRecord | undefined {
  if (hash.node === undefined) return undefined;
  return {
    id: ids.clientId,
    streamId: ids.streamId,
    node: hash.node,
    ip: hash.ip ?? '',
    userAgent: hash.user_agent ?? '',
    ...(hash.username !== undefined && { username: hash.username }),
    connectedAtMs: Date.parse(hash.connected_at ?? ''),
    lastActiveMs: Date.parse(hash.last_active ?? ''),
    bytes: Number(hash.bytes),
    lagBytes: Number(hash.lag_bytes),
    skips: Number(hash.skips),
    ...(hash.segments !== undefined && { segments: Number(hash.segments) }),
  };
}

/** A worker's JSON has three fields for the scripts' own use. */
export function toWorker(json: string): WorkerRecord {
  const {
    process: _process,
    replacedProcess: _replaced,
    saidStatus: _said,
    wantedStatus: _wanted,
    ...worker
  } = JSON.parse(json);
  return worker as WorkerRecord;
}

export function toOrphanProcess(host: string, json: string): OrphanProcess {
  return { host, ...(JSON.parse(json) as Omit<OrphanProcess, 'host'>) };
}

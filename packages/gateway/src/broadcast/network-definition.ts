import { createHash } from 'node:crypto';
import type { Programme, StreamDefinition } from '@streampool/state';
import type { ResolvedTranscode } from '../options.ts';
import type { StartBody } from '../schemas/broadcast.ts';

/** Pictures where segments are to begin, seconds. */
const KEYFRAME_SECONDS = 2;

/** The stream of a network is one and the same for all its programmes. */
export function networkStreamId(network: string): string {
  return createHash('sha256').update(`streampool network\n${network}`).digest('hex').slice(0, 32);
}

/** FFmpeg's arguments for a programme, as a template. Its values have been checked. */
export function programmeTemplate(body: StartBody): string {
  const maps = '-map 0:v:0? -map 0:a:0?';
  if (!body.transcode) return `-i {input_url} ${maps} -c copy -f mpegts`;
  const { video_codec, audio_codec, preset, video_bitrate, video_resolution, audio_bitrate } = body;
  return [
    `-i {input_url} ${maps}`,
    `-c:v ${video_codec ?? 'libx264'} -preset ${preset ?? 'veryfast'}`,
    ...(video_bitrate == null ? [] : [`-b:v ${`${video_bitrate}`.replace(/k$/, '')}k`]),
    ...(video_resolution == null ? [] : [`-vf scale=${video_resolution.replace('x', ':')}`]),
    `-force_key_frames expr:gte(t,n_forced*${KEYFRAME_SECONDS})`,
    `-c:a ${audio_codec ?? 'aac'} -b:a ${audio_bitrate ?? 192}k -ar 48000 -ac 2 -f mpegts`,
  ].join(' ');
}

/** A network that shows this programme from now on. `before`: what it is now. */
export function networkDefinition(
  network: string,
  body: StartBody,
  resolved: ResolvedTranscode,
  { nowMs, before }: { nowMs: number; before: StreamDefinition | undefined },
): StreamDefinition {
  const goesOn = isFollowed(before?.programme);
  // 0 is what clients send that leave it to us.
  const firstSegment = body.segment_start_number || (goesOn ? undefined : 0);
  const programme: Programme = {
    network,
    // Two within one millisecond are two all the same.
    startedAtMs: Math.max(nowMs, (before?.programme?.startedAtMs ?? 0) + 1),
    seekMs: 1000 * (body.seek_seconds ?? 0),
    ...(body.duration_seconds && { durationMs: 1000 * body.duration_seconds }),
    ...(firstSegment !== undefined && { firstSegment }),
    discontinuity: body.add_discontinuity ?? goesOn,
    segmentMs: 1000 * (body.segment_duration ?? 6),
    listSize: body.hls_list_size ?? 20,
    recorded: body.dvr_mode ?? false,
    ...(body.callback_url != null && { callbackUrl: body.callback_url }),
  };
  return {
    id: networkStreamId(network),
    ...{ kind: 'transcode', streamType: 'direct', profile: 'broadcast', profileVariables: {} },
    ...{ url: body.stream_url, failoverUrls: [], ffmpegArgs: resolved.args, format: 'mpegts' },
    headers: presentOnly(body.headers ?? {}),
    metadata: { ...labelsOf(body.metadata ?? {}), broadcast: 'true', network_id: network },
    settings: {},
    createdAtMs: before?.createdAtMs ?? nowMs,
    programme,
  };
}

/** Whether the next programme goes on under its numbers: players still have what a channel has just shown. */
function isFollowed(before: Programme | undefined): boolean {
  if (!before || before.removed) return false;
  return before.stoppedAtMs === undefined || (before.isOver === true && !before.recorded);
}

function presentOnly(headers: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

/** Clients send whatever they have; labels are text. */
function labelsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const scalars = Object.entries(metadata).filter(([, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value),
  );
  return Object.fromEntries(scalars.map(([name, value]) => [name, String(value)]));
}

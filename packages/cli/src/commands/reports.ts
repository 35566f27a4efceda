import type { ApiClient } from '../api/client.ts';
import type { AnswerTo } from '../api/typed-paths.ts';
import { bytes, type Column, elapsed, since, table } from '../output/table.ts';

/** What a server answered, and how it is shown to a person. */
export interface Report {
  readonly answer: unknown;
  /** `width`: of the terminal, in characters; everything is shown in full without it. */
  text(width?: number): string;
}

/** One question to a running server. */
export type Ask = (api: ApiClient) => Promise<Report>;

type ShownStream = AnswerTo<'get', '/streams'>['streams'][number];
type ShownClient = AnswerTo<'get', '/clients'>['clients'][number];
export type ShownWorker = AnswerTo<'get', '/workers'>['workers'][number];

export const status: Ask = async (api) => {
  const [health, info] = await Promise.all([api.get('/health'), api.get('/info')]);
  const rows: [string, string | number][] = [
    ['version', health.version],
    ['worker', info.worker.worker_id],
    ['up', elapsed(health.uptime_seconds)],
    ['streams', `${health.stats.active_streams} watched of ${health.stats.total_streams}`],
    ['viewers', health.stats.active_clients],
    ['sent', bytes(health.total_bytes_served)],
    ['ffmpeg', info.ffmpeg_version ?? 'missing'],
    ['hardware', info.hardware_acceleration.type ?? 'none'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return {
    answer: { health, info },
    text: () => rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n'),
  };
};

const STREAM_COLUMNS: readonly Column<ShownStream>[] = [
  { title: 'STREAM', cell: (stream) => stream.stream_id },
  { title: 'KIND', cell: (stream) => stream.kind },
  { title: 'STATE', cell: (stream) => stream.state },
  { title: 'VIEWERS', cell: (stream) => stream.client_count, align: 'right' },
  { title: 'KBIT/S', cell: (stream) => rounded(stream.bitrate_kbps), align: 'right' },
  { title: 'MEDIA', cell: mediaOf },
  { title: 'SPEED', cell: (stream) => stream.speed, align: 'right' },
  { title: 'PROFILE', cell: (stream) => stream.profile },
  { title: 'OWNER', cell: (stream) => stream.owner },
  { title: 'URL', cell: (stream) => stream.current_url },
  { title: 'LAST ERROR', cell: (stream) => stream.last_error },
];

/** What viewers get, shortly: `h264 1280x720 25, aac stereo`. */
function mediaOf({ media_info: given, output_media_info: made }: ShownStream): string | null {
  const media = made ?? given;
  if (!media) return null;
  const known = (...words: readonly (string | number | null)[]): string =>
    words.filter((word) => word !== null).join(' ');
  const { resolution, video_codec, fps, audio_codec, audio_channels } = media;
  const tracks = [known(video_codec, resolution, fps), known(audio_codec, audio_channels)];
  return tracks.filter((track) => track !== '').join(', ') || null;
}

export const streams: Ask = async (api) => {
  const answer = await api.get('/streams');
  return report(answer, STREAM_COLUMNS, answer.streams, 'No streams.');
};

export const clients: Ask = async (api) => {
  const answer = await api.get('/clients');
  const nowMs = Date.now();
  const columns: readonly Column<ShownClient>[] = [
    { title: 'CLIENT', cell: (client) => client.client_id },
    { title: 'STREAM', cell: (client) => client.stream_id },
    { title: 'NODE', cell: (client) => client.node },
    { title: 'ADDRESS', cell: (client) => client.ip_address },
    { title: 'USER', cell: (client) => client.username },
    { title: 'FOR', cell: (client) => since(client.created_at, nowMs), align: 'right' },
    { title: 'SENT', cell: (client) => bytes(client.bytes_served), align: 'right' },
    { title: 'LAG', cell: (client) => bytes(client.lag_bytes), align: 'right' },
    { title: 'SKIPS', cell: (client) => client.skips, align: 'right' },
    { title: 'PLAYER', cell: (client) => client.user_agent },
  ];
  return report(answer, columns, answer.clients, 'No viewers.');
};

export const workers: Ask = async (api) => {
  const answer = await api.get('/workers');
  const nowMs = Date.now();
  const columns: readonly Column<ShownWorker>[] = [
    { title: 'WORKER', cell: (worker) => worker.worker_id },
    { title: 'ROLE', cell: (worker) => worker.role },
    { title: 'HOST', cell: (worker) => worker.host },
    { title: 'PID', cell: (worker) => worker.pid, align: 'right' },
    { title: 'STATUS', cell: (worker) => worker.status },
    { title: 'STREAMS', cell: (worker) => ofMost(worker.owned_streams, worker.capacity), align: 'right' },
    { title: 'FFMPEG', cell: (worker) => ofMost(worker.encoders, worker.max_encoders), align: 'right' },
    { title: 'VIEWERS', cell: (worker) => worker.viewers, align: 'right' },
    { title: 'LOAD', cell: (worker) => worker.load.toFixed(2), align: 'right' },
    { title: 'UP', cell: (worker) => since(worker.started_at, nowMs), align: 'right' },
    { title: 'BEAT', cell: (worker) => `${since(worker.heartbeat_at, nowMs)} ago`, align: 'right' },
    { title: 'VERSION', cell: (worker) => worker.version },
  ];
  return report(answer, columns, answer.workers, 'No workers.');
};

/** One line for each connection, and one for a provider without any. */
export const providers: Ask = async (api) => {
  const answer = await api.get('/providers');
  const nowMs = Date.now();
  const rows = answer.providers.flatMap((provider) =>
    (provider.slots.length > 0 ? provider.slots : [undefined]).map((slot) => ({ provider, slot })),
  );
  type Used = (typeof rows)[number];
  const columns: readonly Column<Used>[] = [
    { title: 'PROVIDER', cell: ({ provider }) => provider.provider_id },
    {
      title: 'USED',
      cell: ({ provider }) => `${provider.slots_in_use}/${provider.max_connections}`,
      align: 'right',
    },
    { title: 'STREAM', cell: ({ slot }) => slot?.stream_id },
    { title: 'NODE', cell: ({ slot }) => slot?.node },
    { title: 'PRIORITY', cell: ({ slot }) => slot?.priority, align: 'right' },
    { title: 'FOR', cell: ({ slot }) => slot && since(slot.since, nowMs), align: 'right' },
    { title: 'VIEWER', cell: ({ slot }) => slot?.viewer && (slot.viewer.username ?? slot.viewer.ip_address) },
    { title: 'HOSTS', cell: ({ provider }) => provider.hosts.join(' ') },
  ];
  return report(answer, columns, rows, 'No provider has a limit.');
};

/** A table of `rows`; `none`: what is said where there are none. */
export function report<T>(
  answer: unknown,
  columns: readonly Column<T>[],
  rows: readonly T[],
  none: string,
): Report {
  return {
    answer,
    text: (width) => (rows.length === 0 ? none : table(columns, rows, width === undefined ? {} : { width })),
  };
}

function ofMost(count: number | undefined, most = 0): string | undefined {
  return count === undefined || most === 0 ? count?.toString() : `${count}/${most}`;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

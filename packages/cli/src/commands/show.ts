import { ApiClient } from '../api/client.ts';
import { loadConfig } from '../config/load.ts';
import { bytes, type Column, elapsed, since, table } from '../output/table.ts';
import { baseUrl } from '../serve/announce.ts';

/** Options of every command that asks a running server. */
export interface ShowOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

interface Health {
  readonly version: string;
  readonly uptime_seconds: number;
  readonly total_bytes_served: number;
  readonly stats: {
    readonly total_streams: number;
    readonly active_streams: number;
    readonly active_clients: number;
  };
}

interface Info {
  readonly ffmpeg_version: string | null;
  readonly hardware_acceleration: { readonly type: string | null };
  readonly worker: { readonly worker_id: string };
}

interface ShownStream {
  readonly stream_id: string;
  readonly kind: string;
  readonly state: string;
  readonly client_count: number;
  readonly bitrate_kbps: number | null;
  readonly speed: number | null;
  readonly profile: string | null;
  readonly current_url: string;
  readonly last_error: string | null;
}

interface ShownClient {
  readonly client_id: string;
  readonly stream_id: string;
  readonly ip_address: string;
  readonly username: string | null;
  readonly user_agent: string;
  readonly created_at: string;
  readonly bytes_served: number;
  readonly lag_bytes: number;
  readonly skips: number;
}

interface ShownWorker {
  readonly worker_id: string;
  readonly host: string;
  readonly pid: number;
  readonly status: string;
  readonly version: string;
  readonly owned_streams: number;
  readonly viewers: number;
  readonly load: number;
  readonly started_at: string;
  readonly heartbeat_at: string;
}

/** The server that is asked: `--url`, else the one that the settings here describe. */
function apiOf(options: ShowOptions): ApiClient {
  const { config } = loadConfig({ env: process.env, directory: process.cwd() });
  const url = options.url ?? process.env.STREAMPOOL_URL ?? baseUrl(config, config.port);
  return new ApiClient(url, options.token ?? config.apiToken);
}

/** Resolves with what to print. */
export async function status(options: ShowOptions): Promise<string> {
  const api = apiOf(options);
  const [health, info] = await Promise.all([api.get<Health>('/health'), api.get<Info>('/info')]);
  if (options.json) return asJson({ health, info });
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
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

const STREAM_COLUMNS: readonly Column<ShownStream>[] = [
  { title: 'STREAM', cell: (stream) => stream.stream_id },
  { title: 'KIND', cell: (stream) => stream.kind },
  { title: 'STATE', cell: (stream) => stream.state },
  { title: 'VIEWERS', cell: (stream) => stream.client_count, align: 'right' },
  { title: 'KBIT/S', cell: (stream) => rounded(stream.bitrate_kbps), align: 'right' },
  { title: 'SPEED', cell: (stream) => stream.speed, align: 'right' },
  { title: 'PROFILE', cell: (stream) => stream.profile },
  { title: 'URL', cell: (stream) => stream.current_url },
  { title: 'LAST ERROR', cell: (stream) => stream.last_error },
];

export async function streams(options: ShowOptions): Promise<string> {
  const answer = await apiOf(options).get<{ streams: ShownStream[] }>('/streams');
  if (options.json) return asJson(answer);
  return answer.streams.length === 0 ? 'No streams.' : table(STREAM_COLUMNS, answer.streams);
}

export async function clients(options: ShowOptions): Promise<string> {
  const answer = await apiOf(options).get<{ clients: ShownClient[] }>('/clients');
  if (options.json) return asJson(answer);
  const nowMs = Date.now();
  const columns: readonly Column<ShownClient>[] = [
    { title: 'CLIENT', cell: (client) => client.client_id },
    { title: 'STREAM', cell: (client) => client.stream_id },
    { title: 'ADDRESS', cell: (client) => client.ip_address },
    { title: 'USER', cell: (client) => client.username },
    { title: 'FOR', cell: (client) => since(client.created_at, nowMs), align: 'right' },
    { title: 'SENT', cell: (client) => bytes(client.bytes_served), align: 'right' },
    { title: 'LAG', cell: (client) => bytes(client.lag_bytes), align: 'right' },
    { title: 'SKIPS', cell: (client) => client.skips, align: 'right' },
    { title: 'PLAYER', cell: (client) => client.user_agent },
  ];
  return answer.clients.length === 0 ? 'No viewers.' : table(columns, answer.clients);
}

export async function workers(options: ShowOptions): Promise<string> {
  const answer = await apiOf(options).get<{ workers: ShownWorker[] }>('/workers');
  if (options.json) return asJson(answer);
  const nowMs = Date.now();
  const columns: readonly Column<ShownWorker>[] = [
    { title: 'WORKER', cell: (worker) => worker.worker_id },
    { title: 'HOST', cell: (worker) => worker.host },
    { title: 'PID', cell: (worker) => worker.pid, align: 'right' },
    { title: 'STATUS', cell: (worker) => worker.status },
    { title: 'STREAMS', cell: (worker) => worker.owned_streams, align: 'right' },
    { title: 'VIEWERS', cell: (worker) => worker.viewers, align: 'right' },
    { title: 'LOAD', cell: (worker) => worker.load.toFixed(2), align: 'right' },
    { title: 'UP', cell: (worker) => since(worker.started_at, nowMs), align: 'right' },
    { title: 'BEAT', cell: (worker) => `${since(worker.heartbeat_at, nowMs)} ago`, align: 'right' },
    { title: 'VERSION', cell: (worker) => worker.version },
  ];
  return answer.workers.length === 0 ? 'No workers.' : table(columns, answer.workers);
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

function asJson(answer: unknown): string {
  return JSON.stringify(answer, null, 2);
}

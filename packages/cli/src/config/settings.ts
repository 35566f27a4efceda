import { BlockList, isIP } from 'node:net';
import { hostname } from 'node:os';
import { DEFAULT_USER_AGENT } from '@streampool/upstream/user-agent';
import { z } from 'zod';
import { DETECTION_SETTINGS } from './detection-settings.ts';
import { HLS_SETTINGS } from './hls-settings.ts';
import { OBSERVABILITY_SETTINGS } from './observability-settings.ts';
import { providerLimits } from './provider-limits.ts';
import { RESOLVER_SETTINGS } from './resolver-settings.ts';
import { SECURITY_SETTINGS } from './security-settings.ts';
import { SESSION_SETTINGS } from './session-settings.ts';
import { optional, type Setting, setting } from './setting.ts';

import { duration, flag, list, oneOf, size, text, type ValueType, wholeNumber } from './values.ts';
import { WEBHOOK_SETTINGS } from './webhook-settings.ts';

const second = 1000;
const hour = 3600 * second;
const MB = 1024 * 1024;

const ADDRESS_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

function isNetwork(item: string): boolean {
  if (ADDRESS_NAMES.has(item)) return true;
  const [address = '', prefix, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  try {
    new BlockList().addSubnet(
      address,
      /^\d+$/.test(prefix) ? Number(prefix) : -1,
      family === 6 ? 'ipv6' : 'ipv4',
    );
    return true;
  } catch {
    return false;
  }
}

/** Every setting there is. The environment's names are those that users of m3u-proxy know, where there is such a thing. */
export const SETTINGS = {
  host: setting({
    env: 'HOST',
    group: 'Server',
    about: 'Address to listen on',
    type: text('an address or a host name', /^[\w.:%-]+$/),
    default: '0.0.0.0',
    option: '--host <address>',
  }),
  port: setting({
    env: 'PORT',
    group: 'Server',
    about: 'Port to listen on; 0 lets the system choose',
    type: wholeNumber(0, 65_535),
    default: '8085',
    option: '--port <number>',
  }),
  rootPath: setting({
    env: 'ROOT_PATH',
    group: 'Server',
    about: 'Prefix under which every path answers as well, such as /m3u-proxy',
    type: text('empty, or a path that begins with / and does not end with it', /^(?:(?:\/[\w.~-]+)+)?$/),
    default: '',
  }),
  logLevel: setting({
    env: 'LOG_LEVEL',
    group: 'Server',
    about: 'What is logged: everything of this level and above',
    type: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      warning: 'warn',
      critical: 'fatal',
    }),
    default: 'info',
  }),
  logFormat: setting({
    env: 'LOG_FORMAT',
    group: 'Server',
    about: 'How log lines look; auto is text on a terminal and json elsewhere',
    type: oneOf(['auto', 'json', 'text']),
    default: 'auto',
  }),
  shutdownTimeoutMs: setting({
    env: 'SHUTDOWN_TIMEOUT',
    group: 'Server',
    about: 'The longest an orderly stop may take',
    type: duration(second, hour),
    default: '10s',
  }),
  shutdownNoticeMs: optional({
    env: 'SHUTDOWN_NOTICE',
    group: 'Server',
    about:
      'Before an orderly stop by SIGTERM: how long new viewers are refused, and /readyz says so, while those that are there are served; by default 3s at a gateway while there is another one, else none',
    type: duration(0, hour),
  }),
  apiToken: optional({
    env: 'API_TOKEN',
    group: 'Access',
    about: 'Token that the API asks for; without it the API is open',
    type: text('visible characters without spaces', /^[!-~]+$/),
    secret: true,
  }),
  trustedProxies: setting({
    env: 'TRUSTED_PROXIES',
    group: 'Access',
    about: 'Reverse proxies whose X-Forwarded-For is believed',
    type: list(
      'addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal; with commas between',
      isNetwork,
    ),
    default: 'loopback',
  }),
  streamUrlSecret: optional({
    env: 'STREAM_URL_SECRET',
    group: 'Access',
    about: 'Signs the addresses of streams; without it, knowing a stream’s id is enough to watch it',
    type: text('at least 16 characters', /^.{16,}$/s),
    secret: true,
  }),
  streamUrlTtlMs: setting({
    env: 'STREAM_URL_TTL',
    group: 'Access',
    about: 'How long a signed address is good for starting to watch',
    type: duration(10 * second, 365 * 24 * hour),
    default: '24h',
  }),
  sharedStreamTimeoutMs: setting({
    env: 'SHARED_STREAM_TIMEOUT',
    group: 'Streaming',
    about: 'How long a shared or transcoded stream runs on after its last viewer has left',
    type: duration(0, 24 * hour),
    default: '10s',
  }),
  clientTimeoutMs: setting({
    env: 'CLIENT_TIMEOUT',
    group: 'Streaming',
    about: 'A viewer that has taken nothing for this long is dropped',
    type: duration(second, 24 * hour),
    default: '30s',
  }),
  streamTimeoutMs: setting({
    env: 'STREAM_TIMEOUT',
    group: 'Streaming',
    about:
      'From a viewer’s request to the first picture; FFmpeg that gives nothing for this long is restarted',
    type: duration(second, hour),
    default: '10s',
  }),
  maxClientsPerSharedStream: setting({
    env: 'MAX_CLIENTS_PER_SHARED_STREAM',
    group: 'Streaming',
    about:
      'Viewers per shared connection or FFmpeg; at the limit a further one is opened. 0: no limit. In a cluster each node counts its own viewers, and at the limit opens a further source where it owns the stream, a further relay elsewhere',
    type: wholeNumber(0, 1_000_000),
    default: '0',
  }),
  poolTranscodes: setting({
    env: 'ENABLE_TRANSCODING_POOLING',
    group: 'Streaming',
    about: 'Whether viewers share an FFmpeg; false gives each one of its own',
    type: flag,
    default: 'true',
  }),
  sharingStrategy: setting({
    env: 'STREAM_SHARING_STRATEGY',
    group: 'Streaming',
    about:
      'Which requests mean the same stream: url_profile those with the same bytes, url_only those with the same URL, disabled none',
    type: oneOf(['url_profile', 'url_only', 'disabled']),
    default: 'url_profile',
  }),
  deliveryIntervalMs: setting({
    env: 'DELIVERY_INTERVAL_MS',
    group: 'Streaming',
    about: 'Every viewer is written to once per interval: longer costs less CPU and adds delay',
    type: duration(5, 1000, 'ms'),
    default: '100ms',
  }),
  ringBudgetBytes: setting({
    env: 'RING_BUDGET',
    group: 'Streaming',
    about: 'The most memory one stream’s ring may take',
    type: size(MB, 1024 * MB),
    default: '32MB',
  }),
  ringRetainMs: setting({
    env: 'RING_RETAIN',
    group: 'Streaming',
    about: 'How far behind live a slow viewer may fall before it skips, as far as the budget allows',
    type: duration(second, 60 * second),
    default: '5s',
  }),
  defaultUserAgent: setting({
    env: 'DEFAULT_USER_AGENT',
    group: 'Providers',
    about: 'What providers are told where a stream names no user agent',
    type: text('printable characters', /^[ -~]{1,512}$/),
    default: DEFAULT_USER_AGENT,
  }),
  connectTimeoutMs: setting({
    env: 'CONNECT_TIMEOUT',
    group: 'Providers',
    about: 'The longest that connecting to a provider may take, TLS included',
    type: duration(100, 60 * second),
    default: '5s',
  }),
  stallTimeoutMs: setting({
    env: 'STALL_TIMEOUT',
    group: 'Providers',
    about: 'A provider that sends nothing for this long counts as lost',
    type: duration(500, 10 * 60 * second),
    default: '3s',
  }),
  maxSourceAttempts: setting({
    env: 'MAX_SOURCE_ATTEMPTS',
    group: 'Providers',
    about:
      'Failed attempts in a row at a source of a running stream after which it is not tried any more; when none is left, the stream is given up',
    type: wholeNumber(1, 1_000_000),
    default: '12',
  }),
  failbackAfterMs: setting({
    env: 'FAILBACK_AFTER',
    group: 'Providers',
    about:
      'On a failover URL for this long, a stream tries its primary again, beside what plays, and goes back to it when it has proved itself; 0: never. A stream’s failback_after goes before it',
    type: duration(0, 24 * hour),
    default: '0s',
  }),
  slate: setting({
    env: 'SLATE',
    group: 'Providers',
    about:
      'Show viewers a slate (a still picture that says so) while a source that played sends nothing, until one is back. A stream’s slate goes before it',
    type: flag,
    default: 'off',
  }),
  slateAfterMs: setting({
    env: 'SLATE_AFTER',
    group: 'Providers',
    about: 'Nothing has gone out for this long when the slate is shown',
    type: duration(200, 60 * second),
    default: '1s',
  }),
  providers: setting({
    env: 'PROVIDERS',
    group: 'Providers',
    about:
      'Providers that allow only so many connections at once, each as id=connections@hosts. What PUT /providers says goes before it',
    type: providerLimits,
    default: '',
  }),
  verifyUpstreamTls: setting({
    env: 'VERIFY_UPSTREAM_TLS',
    group: 'Providers',
    about: 'Whether the certificates of providers are checked',
    type: flag,
    default: 'true',
  }),
  ...HLS_SETTINGS,
  ...SESSION_SETTINGS,
  ...SECURITY_SETTINGS,
  ...WEBHOOK_SETTINGS,
  ...DETECTION_SETTINGS,
  ...RESOLVER_SETTINGS,
  ffmpegPath: setting({
    env: 'FFMPEG_PATH',
    group: 'FFmpeg',
    about: 'The FFmpeg program, by path or by name',
    type: text('a path', /^[^\0]+$/),
    default: 'ffmpeg',
  }),
  hardwareEncoders: setting({
    env: 'HARDWARE_ENCODERS',
    group: 'FFmpeg',
    about:
      'Hardware encoders for the profiles: auto tries at the start which ones work, none uses software, a list is taken as it is',
    type: list('auto, none, or names such as h264_nvenc,hevc_nvenc', (item) =>
      /^(?:auto|none|[a-z0-9]+_[a-z0-9]+)$/.test(item),
    ),
    default: 'auto',
  }),
  ffmpegStopGraceMs: setting({
    env: 'FFMPEG_STOP_GRACE',
    group: 'FFmpeg',
    about: 'From SIGTERM to SIGKILL when an FFmpeg is stopped',
    type: duration(0, 60 * second),
    default: '1s',
  }),
  dataDir: setting({
    env: 'STREAMPOOL_DATA_DIR',
    group: 'State',
    about: 'Directory of the state; made if it is not there',
    type: text('a path', /^[^\0]+$/),
    default: './data',
    option: '--data-dir <path>',
  }),
  workerId: setting({
    env: 'WORKER_ID',
    group: 'State',
    about: 'Name of this process in records; no two that run at once may have the same',
    type: text('letters, digits and . _ -', /^[\w.-]{1,128}$/),
    default: hostname().replace(/[^\w.-]/g, '-') || 'streampool',
  }),
  heartbeatIntervalMs: setting({
    env: 'HEARTBEAT_INTERVAL',
    group: 'State',
    about: 'How often a worker says what it has; three missing ones and it counts as dead',
    type: duration(500, 10 * 60 * second),
    default: '5s',
  }),
  cleanupIntervalMs: setting({
    env: 'CLEANUP_INTERVAL',
    group: 'State',
    about: 'How often what dead workers and lost viewers have left behind is removed',
    type: duration(second, hour),
    default: '30s',
  }),
  redisUrl: optional({
    env: 'REDIS_URL',
    group: 'Cluster',
    about: 'The Redis that gateways and workers have in common',
    type: text(
      'redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix:// and a place',
      /^(?:rediss?(?:\+sentinel)?|unix):\/\/.+$/i,
    ),
    secret: true,
  }),
  redisEnabled: setting({
    env: 'REDIS_ENABLED',
    group: 'Cluster',
    about: 'Whether REDIS_HOST and the like say where Redis is, without REDIS_URL',
    type: flag,
    default: 'false',
  }),
  redisHost: setting({
    env: 'REDIS_HOST',
    group: 'Cluster',
    about: 'The host of Redis',
    type: text('an address or a host name', /^[\w.:%-]+$/),
    default: 'localhost',
  }),
  redisPort: setting({
    env: 'REDIS_SERVER_PORT',
    group: 'Cluster',
    about: 'The port of Redis',
    type: wholeNumber(1, 65_535),
    default: '6379',
  }),
  redisDb: setting({
    env: 'REDIS_DB',
    group: 'Cluster',
    about: 'The database of Redis',
    type: wholeNumber(0, 65_535),
    default: '0',
  }),
  redisPassword: optional({
    env: 'REDIS_PASSWORD',
    group: 'Cluster',
    about: 'The password of Redis',
    type: text('a password'),
    secret: true,
  }),
  redisKeyPrefix: setting({
    env: 'REDIS_KEY_PREFIX',
    group: 'Cluster',
    about: 'Put before every key in Redis; one and the same for all nodes of a cluster',
    type: text('letters, digits and . _ : -', /^[\w.:-]{0,64}$/),
    default: '',
  }),
  internalToken: optional({
    env: 'INTERNAL_TOKEN',
    group: 'Cluster',
    about: 'The secret that gateways and workers show each other',
    type: text('at least 16 visible characters', /^[!-~]{16,}$/),
    secret: true,
  }),
  workerUrl: optional({
    env: 'WORKER_URL',
    group: 'Cluster',
    about: 'Where other nodes reach this one; by default HOST and PORT, which is right on one machine only',
    type: text('http:// or https:// and a host, without a / at the end', /^https?:\/\/[^\s/?#@]+$/),
  }),
  workerPublicUrl: optional({
    env: 'WORKER_PUBLIC_URL',
    group: 'Cluster',
    about: 'Where players reach this worker, for EDGE_MODE=redirect; by default WORKER_URL',
    type: text(
      'http:// or https://, a host and maybe a path, without a / at the end',
      /^https?:\/\/[^\s/?#@]+(?:\/[^\s/?#@]+)*$/,
    ),
  }),
  drainTimeoutMs: setting({
    env: 'DRAIN_TIMEOUT',
    group: 'Cluster',
    about:
      'How long a worker that is to end waits until its streams and viewers are elsewhere; 0: not at all',
    type: duration(0, hour),
    default: '30s',
  }),
  maxStreams: setting({
    env: 'MAX_STREAMS',
    group: 'Cluster',
    about:
      'The most streams that a worker owns; what is wanted beyond is played by another worker, and relayed from there. 0: no limit',
    type: wholeNumber(0, 1_000_000),
    default: '0',
  }),
  maxEncoders: setting({
    env: 'MAX_ENCODERS',
    group: 'Cluster',
    about:
      'The most FFmpeg processes that a worker runs, for hardware that has only so many encoder sessions; what is wanted beyond is played by another worker. 0: no limit',
    type: wholeNumber(0, 1_000_000),
    default: '0',
  }),
  edgeMode: setting({
    env: 'EDGE_MODE',
    group: 'Cluster',
    about:
      'What a gateway does with viewers: proxy serves them itself, and survives the loss of a worker; redirect sends them to a worker’s WORKER_PUBLIC_URL',
    type: oneOf(['proxy', 'redirect']),
    default: 'proxy',
  }),
  ...OBSERVABILITY_SETTINGS,
};

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends { type: ValueType<infer T> } ? T : never;
type Shape = {
  [K in SettingName]: (typeof SETTINGS)[K] extends { default: string }
    ? z.ZodType<ValueOf<(typeof SETTINGS)[K]>, string>
    : z.ZodOptional<z.ZodType<ValueOf<(typeof SETTINGS)[K]>, string>>;
};

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The setting under its common type, for code that treats all alike. */
export function settingOf(name: SettingName): Setting<unknown> {
  return SETTINGS[name] as unknown as Setting<unknown>;
}

/** Text values in, typed values out. */
export const configSchema = z.object(
  Object.fromEntries(
    SETTING_NAMES.map((name) => {
      const { schema } = settingOf(name).type;
      return [name, settingOf(name).default === undefined ? schema.optional() : schema];
    }),
  ) as Shape,
);

/** Everything that can be set, complete and checked. Durations in ms, sizes in bytes. */
export type Config = Readonly<z.output<typeof configSchema>>;

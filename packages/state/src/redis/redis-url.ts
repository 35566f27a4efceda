import { StreampoolError } from '@streampool/errors';
import type { RedisOptions } from 'ioredis';

/** Where Redis is, and the file of a certificate authority of one's own. */
export type RedisPlace = Omit<RedisOptions, 'replyMapping'> & { caFile?: string };

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26379;

/**
 * Where Redis is, from `REDIS_URL`:
 * `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS, `unix:///path/to.sock[?db=n]`,
 * `redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[/db]`, `rediss+sentinel://…` with TLS to Redis and
 * sentinels. User and password are Redis's own; those of sentinels, if they want any, are `?sentinel_user=…&sentinel_password=…`.
 * With TLS, `?ca=<path>` names a certificate authority of one's own (PEM); read by the caller.
 * @throws StreampoolError CONFIG_INVALID, without the URL's credentials
 */
export function parseRedisUrl(text: string): RedisPlace {
  const parts =
    /^(redis|rediss|redis\+sentinel|rediss\+sentinel|unix):\/\/(?:([^@/]*)@)?([^/?]*)(\/[^?]*)?(?:\?(.*))?$/i.exec(
      text,
    );
  if (!parts)
    throw invalid('it must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix://');
  const [, scheme = '', userInfo = '', hosts = '', path = '', query = ''] = parts;
  const parameters = new URLSearchParams(query);
  const options: RedisPlace = { ...credentials(userInfo) };
  const caFile = parameters.get('ca');
  if (caFile) options.caFile = caFile;
  const kind = scheme.toLowerCase();
  const secure = kind.startsWith('rediss');
  if (kind === 'unix') {
    return { ...options, path: decode(path), ...database(parameters.get('db') ?? '') };
  }
  if (secure) options.tls = {};
  const segments = path.split('/').filter(Boolean).map(decode);
  if (!kind.endsWith('+sentinel')) {
    if (hosts.includes(',')) throw invalid('several hosts need redis+sentinel://');
    return { ...options, ...address(hosts, DEFAULT_PORT), ...database(segments[0] ?? '') };
  }
  const [name, db = ''] = segments;
  if (!name) throw invalid('the name of the master is missing: redis+sentinel://host:26379/mymaster');
  const sentinelUsername = parameters.get('sentinel_user');
  const sentinelPassword = parameters.get('sentinel_password');
  return {
    ...options,
    name,
    sentinels: hosts.split(',').map((host) => address(host, DEFAULT_SENTINEL_PORT)),
    ...(secure && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    ...database(db),
  };
}

function credentials(userInfo: string): { username?: string; password?: string } {
  if (userInfo === '') return {};
  const colon = userInfo.indexOf(':');
  // `redis://secret@host` has been understood as a password by many clients, and as a user by as many: the latter is the URL standard's.
  const username = decode(colon < 0 ? userInfo : userInfo.slice(0, colon));
  const password = colon < 0 ? '' : decode(userInfo.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}

function address(text: string, defaultPort: number): { host: string; port: number } {
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]+)?(?::(\d+))?$/i.exec(text);
  const port = Number(parts?.[2] ?? defaultPort);
  if (!parts || port < 1 || port > 65_535) throw invalid('host and port must read host:port');
  return { host: (parts[1] ?? 'localhost').replace(/^\[|\]$/g, ''), port };
}

function database(text: string): { db?: number } {
  if (text === '') return {};
  if (!/^\d{1,5}$/.test(text)) throw invalid('the database is a number');
  return { db: Number(text) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a %-escape in it is broken');
  }
}

function invalid(reason: string): StreampoolError {
  return new StreampoolError('CONFIG_INVALID', `REDIS_URL cannot be used: ${reason}`, {
    info: { name: 'REDIS_URL' },
  });
}

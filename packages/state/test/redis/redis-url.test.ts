import { isStreampoolError } from '@streampool/errors';
import { parseRedisUrl } from '../../src/redis/redis-url.ts';

test.each<[string, ReturnType<typeof parseRedisUrl>]>([
  ['redis://cache', { host: 'cache', port: 6379 }],
  ['redis://cache:7000/3', { host: 'cache', port: 7000, db: 3 }],
  ['redis://:s%40fe@cache/0', { host: 'cache', port: 6379, db: 0, password: 's@fe' }],
  ['redis://alice:pw@[::1]:7000', { host: '::1', port: 7000, username: 'alice', password: 'pw' }],
  ['redis://', { host: 'localhost', port: 6379 }],
  ['rediss://cache', { host: 'cache', port: 6379, tls: {} }],
  ['rediss://cache?ca=/etc/ssl/own.pem', { host: 'cache', port: 6379, tls: {}, caFile: '/etc/ssl/own.pem' }],
  ['unix:///run/redis/redis.sock?db=2', { path: '/run/redis/redis.sock', db: 2 }],
  [
    'redis+sentinel://u:p@a:1,b,[::1]:3/mymaster/4?sentinel_password=x',
    {
      name: 'mymaster',
      db: 4,
      username: 'u',
      password: 'p',
      sentinelPassword: 'x',
      sentinels: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26379 },
        { host: '::1', port: 3 },
      ],
    },
  ],
  [
    'rediss+sentinel://a/m',
    {
      name: 'm',
      sentinels: [{ host: 'a', port: 26379 }],
      tls: {},
      enableTLSForSentinelMode: true,
      sentinelTLS: {},
    },
  ],
])('%s', (url, expected) => {
  expect(parseRedisUrl(url)).toEqual(expected);
});

test.each([
  'http://secret@cache',
  'cache:6379',
  'redis://secret@cache:99999',
  'redis://secret@cache/db',
  'redis://secret@a,b/0',
  'redis://%zz:secret@a',
  'redis+sentinel://secret@a:1',
])('%s is refused by name, without its credentials', (url) => {
  let error: unknown;
  try {
    parseRedisUrl(url);
  } catch (thrown) {
    error = thrown;
  }
  expect(isStreampoolError(error, 'CONFIG_INVALID')).toBe(true);
  expect(String(error)).toContain('REDIS_URL');
  expect(String(error)).not.toContain('secret');
});

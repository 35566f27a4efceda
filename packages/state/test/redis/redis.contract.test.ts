import { join } from 'node:path';
import { RedisServer } from '@streampool/testkit';
import { Redis } from 'ioredis';
import { RedisClusterState } from '../../src/redis.ts';
import { describeClusterState } from '../contract/cluster-state.contract.ts';

const leaseMs = 10_000;
const clientTtlMs = 30_000;
const sessionTimeoutMs = 20_000;
const prefix = 'contract:';

/** Redis TIME, moved by what the test has let pass. */
const clock = `
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(redis.call('GET', 'test-offset') or 0)
end
`;

let server: RedisServer;
let admin: Redis;

beforeAll(async () => {
  server = await RedisServer.start();
  admin = new Redis(join(server.directory, 'redis.sock'));
});

afterAll(async () => {
  await admin?.quit();
  await server?.close();
});

describeClusterState('Redis', async () => {
  await admin.flushall();
  const connect = async () =>
    new RedisClusterState({
      url: server.url,
      prefix,
      // Some tests ask for much at once.
      timeoutMs: 60_000,
      leaseMs,
      clientTtlMs,
      sessionTimeoutMs,
      includes: { clock },
    });
  const state = await connect();
  return {
    state,
    leaseMs,
    clientTtlMs,
    sessionTimeoutMs,
    connect,
    advance: async (ms) => {
      await admin.incrby('test-offset', Math.ceil(ms));
    },
    shown: () => everythingBut(`${prefix}definition:`),
    close: () => state.close(),
  };
});

/** All keys with their values but those of one kind. */
async function everythingBut(hidden: string): Promise<string> {
  const keys = (await admin.keys('*')).filter((key) => !key.startsWith(hidden));
  const values = await Promise.all(
    keys.map(async (key) => {
      switch (await admin.type(key)) {
        case 'hash':
          return admin.hgetall(key);
        case 'set':
          return admin.smembers(key);
        case 'zset':
          return admin.zrange(key, 0, '-1', 'WITHSCORES');
        case 'list':
          return admin.lrange(key, 0, -1);
        case 'stream':
          return admin.xrange(key, '-', '+');
        default:
          return admin.get(key);
      }
    }),
  );
  return JSON.stringify([keys, values]);
}

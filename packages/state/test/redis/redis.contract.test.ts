import { RedisClusterState } from '../../src/redis.ts';
import { describeClusterState } from '../contract/cluster-state.contract.ts';
import { MOVED_CLOCK, useRedis } from './use-redis.ts';

const leaseMs = 10_000;
const clientTtlMs = 30_000;
const sessionTimeoutMs = 20_000;
const prefix = 'contract:';

const redis = useRedis();

describeClusterState('Redis', async () => {
  const connect = async () =>
    new RedisClusterState({
      url: redis.url,
      prefix,
      // Some tests ask for much at once.
      timeoutMs: 60_000,
      leaseMs,
      clientTtlMs,
      sessionTimeoutMs,
      includes: { clock: MOVED_CLOCK },
    });
  const state = await connect();
  return {
    state,
    leaseMs,
    clientTtlMs,
    sessionTimeoutMs,
    connect,
    advance: (ms) => redis.pass(ms),
    shown: () => everythingBut(`${prefix}definition:`),
    close: () => state.close(),
  };
});

/** All keys with their values but those of one kind. */
async function everythingBut(hidden: string): Promise<string> {
  const keys = (await redis.admin.keys('*')).filter((key) => !key.startsWith(hidden));
  const values = await Promise.all(
    keys.map(async (key) => {
      switch (await redis.admin.type(key)) {
        case 'hash':
          return redis.admin.hgetall(key);
        case 'set':
          return redis.admin.smembers(key);
        case 'zset':
          return redis.admin.zrange(key, 0, '-1', 'WITHSCORES');
        case 'list':
          return redis.admin.lrange(key, 0, -1);
        case 'stream':
          return redis.admin.xrange(key, '-', '+');
        default:
          return redis.admin.get(key);
      }
    }),
  );
  return JSON.stringify([keys, values]);
}

import { redisPlace } from '@streampool/state/redis';
import { Redis } from 'ioredis';

/** The longest a request waits for being counted, ms; then it is counted by this node alone. */
const PATIENCE_MS = 250;

export interface RateLimitStore {
  readonly redis: Redis;
  /** Idempotent. */
  close(): void;
}

/** Where gateways count requests together. Away, it is not waited for. */
export function rateLimitStore(url: string): RateLimitStore {
  const redis = new Redis({
    ...redisPlace(url),
    ...{ enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 },
    ...{ commandTimeout: PATIENCE_MS, connectTimeout: 2_000, disconnectTimeout: 200 },
    connectionName: 'streampool limits',
    retryStrategy: (times) => Math.min(1_000, 50 * 2 ** Math.min(times, 10)),
  });
  redis.on('error', () => {}); // the state says what is wrong with Redis
  return { redis, close: () => redis.disconnect() };
}

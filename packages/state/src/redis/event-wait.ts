import { StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { Redis, type RedisOptions } from 'ioredis';
import { LIMITS } from '../limits.ts';
import { redisError } from './errors.ts';

export interface EventWaitOptions {
  readonly place: Omit<RedisOptions, 'replyMapping'>;
  readonly key: string;
  /** To connect, and to answer after the wait is over; ms. */
  readonly timeoutMs: number;
}

type Entry = [id: string, fields: string[]];

/**
 * Waits for the stream of events on a connection of its own: a command that blocks would hold up everything else. It is
 * opened by the first wait, and comes back by itself.
 */
export class EventWait {
  readonly #options: EventWaitOptions;
  #redis: Redis | undefined;
  #closed = false;

  constructor(options: EventWaitOptions) {
    this.#options = options;
  }

  /** Entries after `after`, waited for up to `waitMs`; none if there were none. @throws StreampoolError STATE_UNAVAILABLE */
  async wait(after: string, limit: number, waitMs: number): Promise<Entry[]> {
    if (this.#closed) throw unavailable('the connection has been closed');
    const { key, timeoutMs } = this.#options;
    const blockMs = Math.max(1, Math.round(Math.min(waitMs, LIMITS.eventWaitMs)));
    this.#redis ??= this.#connect();
    const redis = this.#redis;
    try {
      await this.#within(timeoutMs, ready(redis));
      const waited = redis.xread('COUNT', limit, 'BLOCK', blockMs, 'STREAMS', key, after);
      const streams = await this.#within(blockMs + timeoutMs, waited);
      return (streams?.[0]?.[1] ?? []) as Entry[];
    } catch (error) {
      // Whatever became of it, nothing may answer the next wait with what this one asked.
      this.#drop(redis);
      throw redisError(error);
    }
  }

  /** Idempotent. Ends a wait that is under way. */
  close(): void {
    this.#closed = true;
    if (this.#redis) this.#drop(this.#redis);
  }

  #connect(): Redis {
    const options: Omit<RedisOptions, 'replyMapping'> = {
      ...this.#options.place,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: this.#options.timeoutMs,
      disconnectTimeout: 200,
      connectionName: 'streampool-events',
      // The next wait connects again, and is told if that fails.
      retryStrategy: () => null,
    };
    const redis = new Redis(options);
    // Whoever waits is told.
    redis.on('error', () => {});
    redis.connect().catch(() => {});
    return redis;
  }

  #drop(redis: Redis): void {
    if (this.#redis === redis) this.#redis = undefined;
    redis.disconnect();
  }

  async #within<T>(ms: number, waiting: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(unavailable('it does not answer')), ms);
    });
    try {
      return await Promise.race([waiting, deadline]);
    } finally {
      clearTimeout(timer);
      waiting.catch(() => {});
    }
  }
}

function ready(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    redis.once('ready', resolve);
    redis.once('error', (error: Error) => reject(unavailable(redactText(error.message))));
    redis.once('end', () => reject(unavailable('the connection has been closed')));
  });
}

function unavailable(reason: string): StreampoolError {
  return new StreampoolError('STATE_UNAVAILABLE', `Redis cannot be reached: ${reason}`, {
    retryAfterSeconds: 1,
  });
}

import { StreampoolError } from '@streampool/errors';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';

/** So many within so long. `count` 0: no limit. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

export interface RateLimitSettings {
  /** Requests of the API, per token and address. */
  readonly api: RateLimit;
  /** Viewers that begin to watch, per address. */
  readonly watch: RateLimit;
  /** Wrong tokens, per address. */
  readonly failures: RateLimit;
}

export const DEFAULT_RATE_LIMITS: RateLimitSettings = {
  api: { count: 6_000, perMs: 60_000 },
  watch: { count: 12_000, perMs: 60_000 },
  failures: { count: 300, perMs: 60_000 },
};

export interface RateLimitsOptions {
  readonly settings: RateLimitSettings;
  /** An ioredis client: all gateways count together. Away, each counts for itself. Absent: memory. */
  readonly redis?: unknown;
  readonly keyPrefix?: string;
}

/**
 * Keeps somebody from asking too often. Media is not counted: segments and streams are limited by what they cost. Who is on this very
 * machine is not counted either, but for wrong tokens: tools and proxies there would all be one address.
 */
export class RateLimits {
  readonly #api: RateLimiterAbstract | undefined;
  readonly #watch: RateLimiterMemory | undefined;
  /** Of all gateways together. */
  readonly #watchOfAll: RateLimiterAbstract | undefined;
  readonly #failures: RateLimiterAbstract | undefined;

  constructor({ settings, redis, keyPrefix = '' }: RateLimitsOptions) {
    const optionsOf = (name: keyof RateLimitSettings) => ({
      points: settings[name].count,
      duration: settings[name].perMs / 1_000,
      keyPrefix: `${keyPrefix}limit:${name}`,
    });
    const alone = (name: keyof RateLimitSettings) =>
      settings[name].count === 0 ? undefined : new RateLimiterMemory(optionsOf(name));
    const together = (name: keyof RateLimitSettings, insuranceLimiter?: RateLimiterMemory) =>
      settings[name].count === 0 || redis === undefined
        ? undefined
        : new RateLimiterRedis({
            ...optionsOf(name),
            storeClient: redis,
            ...(insuranceLimiter && { insuranceLimiter }),
            // Who is over the limit is told so without asking again.
            inMemoryBlockOnConsumed: settings[name].count,
          });
    const [api, failures] = [alone('api'), alone('failures')];
    this.#api = together('api', api) ?? api;
    this.#failures = together('failures', failures) ?? failures;
    this.#watch = alone('watch');
    this.#watchOfAll = together('watch');
  }

  /** @throws StreampoolError RATE_LIMITED */
  async api(address: string, token: string | undefined): Promise<void> {
    if (!isLocal(address)) await consume(this.#api, `${token ?? ''}|${address}`);
  }

  /**
   * A player does not wait for Redis: it is counted there meanwhile, and whoever is found to be over the limit of all gateways
   * is refused here from the next time on.
   * @throws StreampoolError RATE_LIMITED
   */
  async watch(address: string): Promise<void> {
    if (isLocal(address)) return;
    await consume(this.#watch, address);
    this.#watchOfAll?.consume(address).catch((thrown: unknown) => {
      if (!(thrown instanceof RateLimiterRes)) return;
      // A key at its very end has 0 ms left, and who is blocked for 0 s is blocked for ever.
      void this.#watch?.block(address, Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000)));
    });
  }

  /** Before a token is looked at. @throws StreampoolError RATE_LIMITED */
  async mayTry(address: string): Promise<void> {
    const limiter = this.#failures;
    const used = await limiter?.get(address).catch(() => null);
    if (limiter && used && used.consumedPoints >= limiter.points) throw limited(used);
  }

  /** A token was wrong. */
  async failed(address: string): Promise<void> {
    await this.#failures?.consume(address).catch(() => {});
  }
}

async function consume(limiter: RateLimiterAbstract | undefined, key: string): Promise<void> {
  try {
    await limiter?.consume(key);
  } catch (thrown) {
    // Whatever else happened is no reason to refuse anybody.
    if (thrown instanceof RateLimiterRes) throw limited(thrown);
  }
}

function limited({ msBeforeNext }: RateLimiterRes): StreampoolError {
  return new StreampoolError('RATE_LIMITED', 'Too many requests: wait, and try again', {
    retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
  });
}

function isLocal(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

import { readFileSync } from 'node:fs';
import { StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis';
import { isTimeout, redisError } from './errors.ts';
import { Patience } from './patience.ts';
import { parseRedisUrl } from './redis-url.ts';
import { loadScripts, type ScriptName } from './scripts.ts';

export interface ConnectionOptions {
  /** See `parseRedisUrl`. */
  readonly url: string;
  /** Put before the name of every key. */
  readonly prefix: string;
  /** The longest a caller waits for an answer, in ms. */
  readonly timeoutMs: number;
  /** Certificates and the like for rediss:// URLs, beside what the URL says. */
  readonly tls?: RedisOptions['tls'];
  /** Lua that takes the place of an include, by its name: for tests. */
  readonly includes?: Readonly<Record<string, string>>;
}

/** A script to be run: its name and its arguments after the prefix. */
export type ScriptCall = readonly [ScriptName, ...(string | number)[]];

/** Replies in the shapes of RESP2, which is what the client's types say by default. */
type PlainOptions = Omit<RedisOptions, 'replyMapping'>;

/** Longest pause between two attempts to connect, ms. */
const MOST_RETRY_MS = 1_000;

/**
 * The connection to Redis: it comes back by itself, and fails fast while it is away. Nothing is queued for later: a beat
 * that is delivered after its time says what is no longer true.
 */
export class Connection {
  readonly prefix: string;
  readonly #redis: Redis;
  readonly #timeoutMs: number;
  readonly #patience: Patience;
  #lastError = 'not connected yet';
  /** The first connection is waited for, until one deadline after the start; a lost one is not. */
  #connecting: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  /** Resolved by `close`: nobody waits any longer for what does not come any more. */
  readonly #ended = Promise.withResolvers<void>();

  /** Starts to connect. @throws StreampoolError CONFIG_INVALID */
  constructor(options: ConnectionOptions) {
    const { url, prefix, timeoutMs } = options;
    this.prefix = prefix;
    this.#timeoutMs = timeoutMs;
    const redisOptions: PlainOptions = {
      ...redisPlace(url, options.tls),
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      // A peer that vanished without a word (a pulled cable, a stopped process) is noticed by its silence.
      socketTimeout: timeoutMs * 2,
      // How long a closed client looks after a socket that was never connected.
      disconnectTimeout: 200,
      connectionName: 'streampool',
      retryStrategy: (times) =>
        Math.min(MOST_RETRY_MS, 50 * 2 ** Math.min(times, 10)) * (0.5 + Math.random() / 2),
      // After a failover the old master refuses writes: connecting again finds the new one.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    };
    this.#redis = new Redis(redisOptions);
    for (const [name, lua] of loadScripts(options.includes)) {
      this.#redis.defineCommand(commandName(name), { numberOfKeys: 1, lua });
    }
    this.#redis.on('error', (error: Error) => {
      this.#lastError = redactText(error.message);
    });
    this.#patience = new Patience(() => this.#redis.ping());
    this.#redis.on('ready', () => {
      // What was wrong before is no reason for the next outage; that one may come without an error of its own.
      this.#lastError = 'the connection was lost';
      this.#patience.regain();
    });
    const connected = new Promise<void>((resolve) => this.#redis.once('ready', resolve));
    this.#connecting = this.#within(connected).finally(() => {
      this.#connecting = undefined;
    });
    this.#redis.connect().catch(() => {});
  }

  /** @throws StreampoolError STATE_UNAVAILABLE, INTERNAL, and what the script refuses with */
  run(...call: ScriptCall): Promise<unknown> {
    // Not as a pipeline of one: making a pipeline costs the client more than the script does.
    return this.command((redis) => queue(redis, call, this.prefix));
  }

  /**
   * Several scripts in one round trip, in order; each is atomic, the whole is not. Throws the first error, after all are
   * done. `patient`: see {@link Connection.pipeline}.
   */
  async runAll(calls: readonly ScriptCall[], options: { patient?: boolean } = {}): Promise<unknown[]> {
    return this.pipeline((pipeline) => {
      for (const call of calls) queue(pipeline, call, this.prefix);
    }, options);
  }

  /**
   * Several commands in one round trip, in order. Throws the first error. `patient`: a server that is known not to answer
   * is waited for, within the deadline, instead of failing at once.
   */
  async pipeline(
    fill: (pipeline: ChainableCommander) => void,
    { patient = false }: { patient?: boolean } = {},
  ): Promise<unknown[]> {
    try {
      if (patient && this.#patience.lost) await this.#within(this.#patience.answered);
      await this.#usable();
      const pipeline = this.#redis.pipeline();
      fill(pipeline);
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([error, value]) => {
        if (error) throw error;
        return value;
      });
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** One command. */
  async command<T>(send: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      await this.#usable();
      return await send(this.#redis);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Idempotent. What is under way is answered first, within the deadline. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const isSilent = this.#patience.lost;
    this.#patience.close();
    if (this.#isReady() && !isSilent) await this.#redis.quit().catch(() => {});
    this.#redis.disconnect();
    this.#ended.resolve();
  }

  async #usable(): Promise<void> {
    if (this.#closed) throw unavailable('the connection has been closed');
    if (this.#connecting) await this.#connecting;
    if (!this.#isReady()) throw unavailable(this.#lastError);
    if (this.#patience.lost) throw unavailable('it does not answer');
  }

  #failed(error: unknown): StreampoolError {
    if (isTimeout(error)) this.#patience.lose();
    return redisError(error);
  }

  #isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  async #within(waiting: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#timeoutMs);
    });
    await Promise.race([waiting, deadline, this.#ended.promise]);
    clearTimeout(timer);
  }
}

/** Where and how to connect, for clients beside the state's own. @throws StreampoolError CONFIG_INVALID */
export function redisPlace(url: string, tls?: RedisOptions['tls']): PlainOptions {
  const { caFile, ...options } = parseRedisUrl(url);
  if (!options.tls) return options;
  const secure = { ...options.tls, ...(caFile !== undefined && { ca: readCertificate(caFile) }), ...tls };
  return { ...options, tls: secure, ...(options.sentinelTLS && { sentinelTLS: secure }) };
}

function readCertificate(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StreampoolError(
      'CONFIG_INVALID',
      `the certificate authority ${path} of REDIS_URL cannot be read`,
      {
        cause: error,
        info: { name: 'REDIS_URL' },
      },
    );
  }
}

/** Sends a script, or puts it into a pipeline. */
function queue(
  to: Redis | ChainableCommander,
  [name, ...args]: ScriptCall,
  prefix: string,
): Promise<unknown> {
  const scripts = to as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>;
  return (scripts[commandName(name)] as (...args: (string | number)[]) => Promise<unknown>)(prefix, ...args);
}

function commandName(name: ScriptName): string {
  return `streampool:${name}`;
}

function unavailable(reason: string): StreampoolError {
  return new StreampoolError('STATE_UNAVAILABLE', `Redis cannot be reached: ${reason}`, {
    retryAfterSeconds: 1,
  });
}

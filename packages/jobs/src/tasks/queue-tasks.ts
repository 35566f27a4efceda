import { StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { redisPlace } from '@streampool/state/redis';
import { type ConnectionOptions, type Job, Queue, Worker } from 'bullmq';
import type { RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { pauseAfter, type Task, type TaskFigures, type TaskHandler, type TaskQueue } from './task-queue.ts';

export interface QueueTasksOptions<T> {
  /** Of the queue. */
  readonly name: string;
  /** As for the state: see `parseRedisUrl`. */
  readonly url: string;
  /** Put before BullMQ's own prefix. */
  readonly prefix?: string;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly handle: TaskHandler<T>;
  /** Tasks under way at this process at once. */
  readonly concurrency?: number;
  /** ms after that many failures in a row. */
  readonly pauseMs?: (failures: number) => number;
  /** What a node that died had under way is begun again elsewhere after this, ms. */
  readonly lockMs?: number;
}

/** The longest a command waits for Redis, ms. */
const COMMAND_MS = 5_000;
const MOST_RETRY_MS = 2_000;
/** How long a closing process waits for Redis to take the end of what was under way, ms. */
const LAST_WORD_MS = 2_000;
/** How long a task that was done is remembered, so that it is not done again; s. */
const REMEMBERED_S = 3_600;
/** Tasks that one command adds. */
const PER_STEP = 500;
/** A task that several nodes died with is given up. */
const MOST_DEATHS = 5;

/** The {@link TaskQueue} of a cluster: tasks are in Redis, and any process that has the queue open does them (BullMQ). */
export class QueueTasks<T> implements TaskQueue<T> {
  readonly #options: QueueTasksOptions<T>;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #abort = new AbortController();
  #running = 0;
  #waiting = 0;
  #isAway = false;
  #closed: Promise<void> | undefined;

  constructor(options: QueueTasksOptions<T>) {
    const { name, url, prefix = '', lockMs = 15_000 } = options;
    const pauseMs = options.pauseMs ?? ((failures: number) => pauseAfter(failures));
    this.#options = options;
    const place: RedisOptions = {
      ...redisPlace(url),
      retryStrategy: (times) =>
        this.#abort.signal.aborted ? null : Math.min(MOST_RETRY_MS, 50 * 2 ** Math.min(times, 10)),
    };
    const failingFast = {
      ...place,
      ...{ enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_MS },
    };
    const common = { prefix: `${prefix}bull` };
    this.#queue = new Queue(name, { ...common, connection: forBullMq(failingFast) });
    this.#worker = new Worker(name, (job) => this.#do(job), {
      ...common,
      connection: forBullMq({ ...place, maxRetriesPerRequest: null }),
      concurrency: options.concurrency ?? 32,
      lockDuration: lockMs,
      // How often tasks are looked for whose lock has run out.
      stalledInterval: Math.ceil(lockMs / 3),
      maxStalledCount: MOST_DEATHS,
      settings: { backoffStrategy: (attemptsMade: number) => pauseMs(attemptsMade) },
    });
    this.#queue.on('error', (error) => this.#onAway(error));
    this.#worker.on('error', (error) => this.#onAway(error));
    this.#worker.on('ready', () => {
      this.#isAway = false;
    });
  }

  async add(tasks: readonly Task<T>[]): Promise<void> {
    if (tasks.length === 0) return;
    try {
      await this.#queue.waitUntilReady();
      for (let from = 0; from < tasks.length; from += PER_STEP)
        await this.#addSome(tasks.slice(from, from + PER_STEP));
      const { waiting = 0, delayed = 0 } = await this.#queue.getJobCounts('waiting', 'delayed');
      this.#waiting = waiting + delayed;
    } catch (error) {
      throw new StreampoolError('STATE_UNAVAILABLE', 'the queue in Redis cannot be reached', {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }

  async #addSome(tasks: readonly Task<T>[]): Promise<void> {
    await this.#queue.addBulk(
      tasks.map(({ id, data, attempts }) => ({
        name: this.#options.name,
        data,
        opts: {
          jobId: id,
          attempts,
          backoff: { type: 'custom' },
          removeOnComplete: { age: REMEMBERED_S, count: 10_000 },
          removeOnFail: { age: REMEMBERED_S, count: 1_000 },
        },
      })),
    );
  }

  figures(): TaskFigures {
    return { running: this.#running, waiting: this.#waiting };
  }

  /** How many tasks the queue holds, by what they are at; the same at every node. Rejects while Redis is away. */
  sizes(): Promise<Readonly<Record<string, number>>> {
    return this.#queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#abort.abort(new Error('the process is closing'));
    // What was under way fails and is to be tried again: Redis should hear of it, or it waits for its lock to run out.
    if (!this.#isAway) {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_WORD_MS);
      });
      await Promise.race([this.#worker.pause().catch(() => {}), patience]);
      clearTimeout(timer);
    }
    await Promise.allSettled([this.#worker.close(true), this.#queue.close()]);
  }

  async #do(job: Job): Promise<void> {
    this.#running += 1;
    try {
      const attempts = job.opts.attempts ?? 1;
      const attempt = Math.min(attempts, job.attemptsMade + 1);
      await this.#options.handle(job.data as T, { attempt, attempts, signal: this.#abort.signal });
    } finally {
      this.#running -= 1;
    }
  }

  #onAway(error: unknown): void {
    if (this.#isAway || this.#abort.signal.aborted) return;
    this.#isAway = true;
    const reason = redactText(error instanceof Error ? error.message : String(error));
    this.#options.log.warn({ queue: this.#options.name, reason }, 'the queue of tasks is away');
  }
}

/** BullMQ knows the options of ours by fewer types than it passes on. */
function forBullMq(options: RedisOptions): ConnectionOptions {
  return options as ConnectionOptions;
}

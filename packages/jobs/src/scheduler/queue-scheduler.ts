import { redactText } from '@streampool/redaction';
import { redisPlace } from '@streampool/state/redis';
import { type ConnectionOptions, Queue, Worker } from 'bullmq';
import type { RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { JobRunner, type OnRun } from './job-runner.ts';
import { deadlineOf, type EveryOptions, type Job, type JobFigures, type Scheduler } from './scheduler.ts';
import { pause, systemTimers, type Timers } from './timers.ts';

export interface QueueSchedulerOptions {
  /** As for the state: see `parseRedisUrl`. */
  readonly url: string;
  readonly tls?: RedisOptions['tls'];
  /** Put before BullMQ's own prefix. */
  readonly prefix?: string;
  readonly log: Logger;
  readonly onRun?: OnRun;
  /** How long `close` waits for a run and for Redis, in ms. */
  readonly closeDeadlineMs?: number;
}

/** A node that dies in the middle of a run holds up the next one for at most this long, in ms. */
const LOCK_MS = 15_000;
/** How long a closing node waits for Redis to take the end of its run, in ms. */
const LAST_WORD_MS = 2_000;
/** The longest a look at the schedule waits for an answer; a Redis that stands still must not be waited for forever, ms. */
const COMMAND_MS = 5_000;
/** Longest pause between two attempts to connect, ms. */
const MOST_RETRY_MS = 2_000;

/**
 * The {@link Scheduler} of a cluster: one run per interval among all nodes that name the job, by BullMQ. Whether a run
 * happens at all is no matter of life and death (every step of the reaper is checked by the state, and nodes find their
 * own way when an owner dies), so an outage of Redis is only logged.
 */
export class QueueScheduler implements Scheduler {
  readonly #options: QueueSchedulerOptions;
  readonly #jobs = new Map<string, QueuedJob>();
  #closed: Promise<void> | undefined;

  constructor(options: QueueSchedulerOptions) {
    this.#options = options;
  }

  every(name: string, intervalMs: number, run: Job, options: EveryOptions = {}): void {
    if (this.#closed) return;
    void this.#jobs.get(name)?.close();
    const { url, tls, prefix = '', log, onRun } = this.#options;
    const job = new QueuedJob({
      name,
      intervalMs,
      deadlineMs: deadlineOf(intervalMs, options),
      run,
      log,
      onRun,
      timers: systemTimers,
      prefix: `${prefix}bull`,
      connection: redisPlace(url, tls),
    });
    this.#jobs.set(name, job);
  }

  figures(): JobFigures[] {
    return [...this.#jobs.values()].map((job) => job.figures());
  }

  /** How many jobs each queue holds, by what they are at; the same at every node. Rejects while Redis is away. */
  async queueSizes(): Promise<{ queue: string; sizes: Readonly<Record<string, number>> }[]> {
    return Promise.all([...this.#jobs].map(async ([queue, job]) => ({ queue, sizes: await job.sizes() })));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { closeDeadlineMs = 5_000, log } = this.#options;
    let stopWaiting = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      stopWaiting = systemTimers.after(closeDeadlineMs, () => {
        log.warn({ closeDeadlineMs }, 'the queue of jobs did not close in time');
        resolve();
      });
    });
    await Promise.race([Promise.all([...this.#jobs.values()].map((job) => job.close())), deadline]);
    stopWaiting();
  }
}

interface QueuedJobOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly run: Job;
  readonly log: Logger;
  readonly onRun: OnRun | undefined;
  readonly timers: Timers;
  readonly prefix: string;
  readonly connection: RedisOptions;
}

/** A job, with a queue of its own so that no job waits for another one. */
class QueuedJob {
  readonly #options: QueuedJobOptions;
  readonly #runner: JobRunner;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #abort = new AbortController();
  #cancelCheck: () => void = () => {};
  #isAway = false;
  #closed: Promise<void> | undefined;

  constructor(options: QueuedJobOptions) {
    const { name, prefix, connection } = options;
    this.#options = options;
    this.#runner = new JobRunner(options);
    const common: RedisOptions = {
      ...connection,
      // None once we are closing: a connection that is down then must not keep the process.
      retryStrategy: (times) =>
        this.#abort.signal.aborted ? null : Math.min(MOST_RETRY_MS, 50 * 2 ** Math.min(times, 10)),
    };
    // What cannot be sent now is done again at the next check; nothing is worth queueing in this process.
    const failingFast = {
      ...common,
      ...{ enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_MS },
    };
    this.#queue = new Queue(name, { prefix, connection: forBullMq(failingFast) });
    this.#worker = new Worker(name, () => this.#runOnce(), {
      prefix,
      connection: forBullMq({ ...common, maxRetriesPerRequest: null }),
      concurrency: 1,
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS,
      // A run that died with its node is not repeated: the next one does what it left.
      maxStalledCount: 0,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#queue.on('error', (error) => this.#onAway(error));
    this.#worker.on('error', (error) => this.#onAway(error));
    void this.#check();
  }

  figures(): JobFigures {
    return this.#runner.figures();
  }

  sizes(): Promise<Readonly<Record<string, number>>> {
    return this.#queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
  }

  /** Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelCheck();
    this.#abort.abort(new Error('the scheduler is closing'));
    await this.#runner.idle;
    // A pause lets the run's end reach Redis, or its lock would hold up the next run at other nodes. Closing itself is
    // forced: a worker whose connection breaks at this moment would wait for ever, and keep its timers.
    if (!this.#isAway) await this.#within(LAST_WORD_MS, this.#worker.pause());
    await Promise.allSettled([this.#worker.close(true), this.#queue.close()]);
  }

  async #runOnce(): Promise<void> {
    await this.#runner.runOnce(this.#abort.signal);
  }

  /**
   * Sees to it that the job is scheduled, now and once per interval: whoever comes first in the cluster schedules it,
   * and a Redis that lost its memory lost the schedule too. One that is there is left alone, so that looking at it from
   * many nodes does not put it off for ever.
   */
  async #check(): Promise<void> {
    const { name, intervalMs, timers } = this.#options;
    try {
      await this.#queue.waitUntilReady();
      const known = await this.#queue.getJobScheduler(name);
      // Each run leads to the next; should one have been lost on the way, nothing is left that would ever run.
      const waiting = await this.#queue.getJobCountByTypes('delayed', 'waiting', 'prioritized', 'active');
      if (known?.every !== intervalMs || waiting === 0) {
        await this.#queue.setGlobalConcurrency(1);
        await this.#queue.upsertJobScheduler(name, { every: intervalMs });
      }
      this.#isAway = false;
    } catch (error) {
      this.#onAway(error);
    }
    if (!this.#abort.signal.aborted) this.#cancelCheck = timers.after(intervalMs, () => void this.#check());
  }

  async #within(ms: number, waiting: Promise<unknown>): Promise<void> {
    const patience = new AbortController();
    await Promise.race([waiting.catch(() => {}), pause(this.#options.timers, ms, patience.signal)]);
    patience.abort();
  }

  #onAway(error: unknown): void {
    if (this.#isAway || this.#abort.signal.aborted) return;
    this.#isAway = true;
    const reason = redactText(error instanceof Error ? error.message : String(error));
    this.#options.log.warn({ job: this.#options.name, reason }, 'the queue of jobs is away');
  }
}

/** BullMQ speaks with several clients and knows the options of ours by fewer types than it passes on. */
function forBullMq(options: RedisOptions): ConnectionOptions {
  return options as ConnectionOptions;
}

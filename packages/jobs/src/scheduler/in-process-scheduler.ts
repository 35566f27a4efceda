import type { Logger } from 'pino';
import { JobRunner, type JobRunnerOptions, type OnRun } from './job-runner.ts';
import type { EveryOptions, Job, JobFigures, Scheduler } from './scheduler.ts';
import { deadlineOf } from './scheduler.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface InProcessSchedulerOptions {
  readonly log: Logger;
  readonly timers?: Timers;
  readonly onRun?: OnRun;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
  /** How long `close` waits for runs that do not heed their signal, in ms. */
  readonly closeDeadlineMs?: number;
}

/** Runs come up to this part of the interval early or late, so that processes started together do not stay in step. */
export const JITTER = 0.1;

/** The {@link Scheduler} of a process on its own. */
export class InProcessScheduler implements Scheduler {
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #onRun: OnRun | undefined;
  readonly #closeDeadlineMs: number;
  readonly #jobs = new Map<string, RepeatedJob>();
  #closed: Promise<void> | undefined;

  constructor(options: InProcessSchedulerOptions) {
    this.#log = options.log;
    this.#timers = options.timers ?? systemTimers;
    this.#random = options.random ?? Math.random;
    this.#onRun = options.onRun;
    this.#closeDeadlineMs = options.closeDeadlineMs ?? 5_000;
  }

  every(name: string, intervalMs: number, run: Job, options: EveryOptions = {}): void {
    if (this.#closed) return;
    this.#jobs.get(name)?.cancel();
    const job = new RepeatedJob({
      name,
      intervalMs,
      deadlineMs: deadlineOf(intervalMs, options),
      run,
      log: this.#log,
      timers: this.#timers,
      random: this.#random,
      onRun: this.#onRun,
    });
    this.#jobs.set(name, job);
    job.schedule(options.firstAfterMs);
  }

  figures(): JobFigures[] {
    return [...this.#jobs.values()].map((job) => job.figures());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const ends = [...this.#jobs.values()].map((job) => job.cancel());
    let stopWaiting = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      stopWaiting = this.#timers.after(this.#closeDeadlineMs, () => {
        const names = this.figures().flatMap((job) => (job.running ? [job.name] : []));
        this.#log.warn({ jobs: names }, 'jobs did not end when they were told to');
        resolve();
      });
    });
    await Promise.race([Promise.all(ends), deadline]);
    stopWaiting();
  }
}

interface RepeatedJobOptions extends JobRunnerOptions {
  readonly intervalMs: number;
  readonly random: () => number;
}

/** One job and its timer. */
class RepeatedJob {
  readonly #options: RepeatedJobOptions;
  readonly #runner: JobRunner;
  readonly #abort = new AbortController();
  #cancelTimer: () => void = () => {};

  constructor(options: RepeatedJobOptions) {
    this.#options = options;
    this.#runner = new JobRunner(options);
  }

  schedule(delayMs = this.#jittered()): void {
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.timers.after(Math.max(0, delayMs), () => void this.#runAndSchedule());
  }

  /** No further run; resolves when the one under way has ended. Never rejects. */
  async cancel(): Promise<void> {
    this.#abort.abort(new Error('the scheduler is closing'));
    this.#cancelTimer();
    await this.#runner.idle;
  }

  figures(): JobFigures {
    return this.#runner.figures();
  }

  async #runAndSchedule(): Promise<void> {
    const tookMs = await this.#runner.runOnce(this.#abort.signal);
    // The next one is reckoned from this start, but never begins before this one has ended.
    this.schedule(this.#jittered() - tookMs);
  }

  #jittered(): number {
    const { intervalMs, random } = this.#options;
    return intervalMs * (1 - JITTER + 2 * JITTER * random());
  }
}

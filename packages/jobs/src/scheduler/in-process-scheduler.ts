import { redactText } from '@streampool/redaction';
import type { Logger } from 'pino';
import type { EveryOptions, Job, JobFigures, Scheduler } from './scheduler.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface InProcessSchedulerOptions {
  readonly log: Logger;
  readonly timers?: Timers;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
  /** How long `close` waits for runs that do not heed their signal, in ms. */
  readonly closeDeadlineMs?: number;
}

/** Runs come up to this part of the interval early or late, so that processes started together do not stay in step. */
export const JITTER = 0.1;
const LEAST_DEADLINE_MS = 10_000;

/** The {@link Scheduler} of a process on its own. */
export class InProcessScheduler implements Scheduler {
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #closeDeadlineMs: number;
  readonly #jobs = new Map<string, RepeatedJob>();
  #closed: Promise<void> | undefined;

  constructor(options: InProcessSchedulerOptions) {
    this.#log = options.log;
    this.#timers = options.timers ?? systemTimers;
    this.#random = options.random ?? Math.random;
    this.#closeDeadlineMs = options.closeDeadlineMs ?? 5_000;
  }

  every(name: string, intervalMs: number, run: Job, options: EveryOptions = {}): void {
    if (this.#closed) return;
    this.#jobs.get(name)?.cancel();
    const job = new RepeatedJob({
      name,
      intervalMs,
      deadlineMs: options.deadlineMs ?? Math.max(intervalMs, LEAST_DEADLINE_MS),
      run,
      log: this.#log,
      timers: this.#timers,
      random: this.#random,
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

interface RepeatedJobOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly run: Job;
  readonly log: Logger;
  readonly timers: Timers;
  readonly random: () => number;
}

/** One job: its timer, its run under way, its figures. */
class RepeatedJob {
  readonly #options: RepeatedJobOptions;
  readonly #abort = new AbortController();
  #cancelTimer: () => void = () => {};
  #running: Promise<void> | undefined;
  #runs = 0;
  #failures = 0;
  #timeouts = 0;
  #lastDurationMs: number | undefined;

  constructor(options: RepeatedJobOptions) {
    this.#options = options;
  }

  schedule(delayMs = this.#jittered(this.#options.intervalMs)): void {
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.timers.after(Math.max(0, delayMs), () => {
      this.#running = this.#runOnce();
    });
  }

  /** No further run; resolves when the one under way has ended. Never rejects. */
  async cancel(): Promise<void> {
    this.#abort.abort(new Error('the scheduler is closing'));
    this.#cancelTimer();
    await this.#running;
  }

  figures(): JobFigures {
    return {
      name: this.#options.name,
      runs: this.#runs,
      failures: this.#failures,
      timeouts: this.#timeouts,
      running: this.#running !== undefined,
      ...(this.#lastDurationMs !== undefined && { lastDurationMs: this.#lastDurationMs }),
    };
  }

  async #runOnce(): Promise<void> {
    const { name, intervalMs, deadlineMs, timers, log, run } = this.#options;
    const startedAt = timers.now();
    const timeout = new AbortController();
    const cancelDeadline = timers.after(deadlineMs, () => {
      this.#timeouts += 1;
      // Said at once: a job that ignores its signal would otherwise hang without a word.
      log.warn({ job: name, deadlineMs }, 'a job is past its deadline and was told to stop');
      timeout.abort(new Error(`the job ${name} took longer than ${deadlineMs} ms`));
    });
    this.#runs += 1;
    try {
      await run(AbortSignal.any([this.#abort.signal, timeout.signal]));
      if (timeout.signal.aborted) this.#failures += 1;
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        this.#failures += 1;
        const message = redactText(error instanceof Error ? error.message : String(error));
        log.error({ job: name, code: (error as { code?: unknown }).code, error: message }, 'a job failed');
      }
    } finally {
      cancelDeadline();
      const tookMs = timers.now() - startedAt;
      this.#lastDurationMs = tookMs;
      this.#running = undefined;
      // The next one is reckoned from this start, but never begins before this one has ended.
      this.schedule(this.#jittered(intervalMs) - tookMs);
    }
  }

  #jittered(ms: number): number {
    return ms * (1 - JITTER + 2 * JITTER * this.#options.random());
  }
}

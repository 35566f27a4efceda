import { redactText } from '@streampool/redaction';
import type { Logger } from 'pino';
import type { Job, JobFigures } from './scheduler.ts';
import type { Timers } from './timers.ts';

export interface JobRunnerOptions {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: Job;
  readonly log: Logger;
  readonly timers: Timers;
  readonly onRun?: OnRun | undefined;
}

/** Told of each run that has ended, with how long it took in ms. */
export type OnRun = (job: string, ms: number, outcome: 'ok' | 'failed' | 'timeout') => void;

/** Runs one job once at a time: with its deadline, its figures, and its errors said and swallowed. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  #running: Promise<void> | undefined;
  #runs = 0;
  #failures = 0;
  #timeouts = 0;
  #lastDurationMs: number | undefined;
  /** The last run failed because the state is away. */
  #isWithoutState = false;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Resolves when the run under way, if any, has ended. Never rejects. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
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

  /** Resolves with how long it took, in ms. Never rejects. `closing` ends it early, which is no failure. */
  async runOnce(closing: AbortSignal): Promise<number> {
    const startedAt = this.#options.timers.now();
    this.#runs += 1;
    const { failures, timeouts } = { failures: this.#failures, timeouts: this.#timeouts };
    this.#running = this.#attempt(closing);
    await this.#running;
    this.#running = undefined;
    this.#lastDurationMs = this.#options.timers.now() - startedAt;
    const outcome = this.#timeouts > timeouts ? 'timeout' : this.#failures > failures ? 'failed' : 'ok';
    this.#options.onRun?.(this.#options.name, this.#lastDurationMs, outcome);
    return this.#lastDurationMs;
  }

  async #attempt(closing: AbortSignal): Promise<void> {
    const { name, deadlineMs, timers, log, run } = this.#options;
    const timeout = new AbortController();
    const cancelDeadline = timers.after(deadlineMs, () => {
      this.#timeouts += 1;
      // Said at once: a job that ignores its signal would otherwise hang without a word.
      log.warn({ job: name, deadlineMs }, 'a job is past its deadline and was told to stop');
      timeout.abort(new Error(`the job ${name} took longer than ${deadlineMs} ms`));
    });
    try {
      await run(AbortSignal.any([closing, timeout.signal]));
      if (timeout.signal.aborted) this.#failures += 1;
      this.#isWithoutState = false;
    } catch (error) {
      if (closing.aborted) return;
      this.#failures += 1;
      const message = redactText(error instanceof Error ? error.message : String(error));
      const { code } = error as { code?: unknown };
      const isWithoutState = code === 'STATE_UNAVAILABLE';
      // Each job tells once of an outage of the state, not each second.
      const level = isWithoutState && this.#isWithoutState ? 'debug' : 'error';
      this.#isWithoutState = isWithoutState;
      log[level]({ job: name, code, error: message }, 'a job failed');
    } finally {
      cancelDeadline();
    }
  }
}

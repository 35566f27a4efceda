import { StreampoolError } from '@streampool/errors';
import type { Logger } from 'pino';

/** From everything to nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const LONGEST_MS = 24 * 3_600_000;

export interface LogLevelOptions {
  /** The root of the process's loggers: those made from it without a level of their own follow it. */
  readonly log: Logger;
  /** Monotonic ms; injected for tests, as is `after`, which runs once and returns its cancellation. */
  readonly now?: () => number;
  readonly after?: (ms: number, run: () => void) => () => void;
}

/** How much a process logs, changeable while it runs: for good, or for a while, so that nobody has to remember to turn it back. */
export class LogLevel {
  readonly #log: Logger;
  readonly #configured: string;
  readonly #now: () => number;
  readonly #after: (ms: number, run: () => void) => () => void;
  #cancel: () => void = () => {};
  #revertsAtMs: number | undefined;

  constructor({ log, now, after }: LogLevelOptions) {
    this.#log = log;
    this.#configured = log.level;
    this.#now = now ?? (() => performance.now());
    this.#after =
      after ??
      ((ms, run) => {
        const timer = setTimeout(run, ms).unref();
        return () => clearTimeout(timer);
      });
  }

  get(): { level: string; revertsInMs?: number } {
    const { level } = this.#log;
    if (this.#revertsAtMs === undefined) return { level };
    return { level, revertsInMs: Math.max(0, Math.round(this.#revertsAtMs - this.#now())) };
  }

  /** `forMs`: afterwards it is what is configured. @throws StreampoolError INVALID_REQUEST */
  set(level: string, forMs?: number): { level: string; revertsInMs?: number } {
    if (!LOG_LEVELS.some((known) => known === level))
      throw new StreampoolError('INVALID_REQUEST', `${level} is no level: ${LOG_LEVELS.join(', ')} are`);
    if (forMs !== undefined && !(forMs > 0 && forMs <= LONGEST_MS))
      throw new StreampoolError('INVALID_REQUEST', 'a level can be set for up to a day');
    this.#cancel();
    this.#revertsAtMs = forMs === undefined ? undefined : this.#now() + forMs;
    if (forMs !== undefined) {
      this.#cancel = this.#after(forMs, () => {
        this.#revertsAtMs = undefined;
        this.#change(this.#configured);
      });
    }
    this.#change(level);
    return this.get();
  }

  /** Between `debug` and what is configured: for a signal, which cannot say more. */
  toggle(): void {
    this.set(this.#log.level === 'debug' ? this.#configured : 'debug');
  }

  #change(level: string): void {
    const from = this.#log.level;
    if (from === level) return;
    // Said at whichever of the two levels says more, so that the log itself tells why it grew or fell silent.
    const say = (): void => this.#log.info({ from, to: level }, 'the log level is changed');
    if (LOG_LEVELS.indexOf(level as 'info') > LOG_LEVELS.indexOf(from as 'info')) say();
    this.#log.level = level;
    if (LOG_LEVELS.indexOf(level as 'info') < LOG_LEVELS.indexOf(from as 'info')) say();
  }
}

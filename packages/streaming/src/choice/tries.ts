import { StreampoolError } from '@streampool/errors';
import type { Verdict } from './verdict.ts';

/** Answers like "404" that a source that has played may give in a row before they are believed. */
const MOST_REFUSALS = 3;

interface Tried {
  attempts: number;
  refusals: number;
  last: StreampoolError;
}

/** The failed attempts of a chain since it last played for long: how much hope there is, and why there is none. */
export class Tries {
  readonly #maxAttempts: number;
  readonly #tried = new Map<number, Tried>();
  #total = 0;
  #sinceMs: number | undefined;

  /** `maxAttempts`: failed attempts in a row that each source has. */
  constructor(maxAttempts: number) {
    this.#maxAttempts = maxAttempts;
  }

  /** Failed attempts at all sources. */
  get total(): number {
    return this.#total;
  }

  note(index: number, error: StreampoolError, verdict: Verdict, beganMs: number): void {
    const tried = this.#tried.get(index) ?? { attempts: 0, refusals: 0, last: error };
    tried.attempts += 1;
    if (verdict === 'refused') tried.refusals += 1;
    else tried.refusals = 0;
    // No use in asking again for what cannot change.
    if (!error.retryable) tried.refusals = Number.POSITIVE_INFINITY;
    tried.last = error;
    this.#tried.set(index, tried);
    this.#total += 1;
    this.#sinceMs ??= beganMs;
  }

  failuresOf(index: number): number {
    return this.#tried.get(index)?.attempts ?? 0;
  }

  /** `wasLive`: the stream has played. One that never did is given one pass over its sources. */
  hasHope(index: number, wasLive: boolean): boolean {
    const tried = this.#tried.get(index);
    if (!tried) return true;
    return wasLive && tried.attempts < this.#maxAttempts && tried.refusals < MOST_REFUSALS;
  }

  /** It stands for another source from now on. */
  forget(index: number): void {
    this.#tried.delete(index);
  }

  clear(): void {
    this.#tried.clear();
    this.#total = 0;
    this.#sinceMs = undefined;
  }

  /** The end: the error of the only attempt, or what became of each source. Status and patience are those of the last one. */
  verdict(last: StreampoolError, nowMs: number): StreampoolError {
    if (this.#total <= 1 || last.code === 'STREAM_FAILED') return last;
    // However often it was asked: nothing is wrong with the stream.
    if ([...this.#tried.values()].every((tried) => tried.last.code === 'PROVIDER_LIMIT')) return last;
    const seconds = Math.max(0, Math.round((nowMs - (this.#sinceMs ?? nowMs)) / 1000));
    const sources = [...this.#tried].sort(([a], [b]) => a - b);
    const each = sources.map(([index, tried]) => `${nameOf(index)}: ${tried.last.message}`);
    const count = sources.length === 1 ? '1 source' : `${sources.length} sources`;
    return new StreampoolError(
      'STREAM_FAILED',
      `${count}, ${this.#total} attempts in ${seconds} s: ${each.join('; ')}`,
      {
        cause: last,
        status: last.status,
        ...(last.retryAfterSeconds !== undefined && { retryAfterSeconds: last.retryAfterSeconds }),
        info: { sources: sources.length, attempts: this.#total, seconds, lastCode: last.code },
      },
    );
  }
}

function nameOf(index: number): string {
  return index === 0 ? 'primary' : `alternative ${index}`;
}

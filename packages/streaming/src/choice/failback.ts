import type { Clock } from '../clock.ts';

export interface FailbackOptions {
  readonly clock: Clock;
  /** On an alternative for this long, the primary is tried. */
  readonly afterMs: number;
  /** Tries it; rejects if it is no better. False: it cannot be tried now. */
  readonly tryPrimary: () => Promise<boolean>;
}

/** A primary that failed its probation again and again is asked at intervals that grow up to this many times the first. */
const MOST_DOUBLINGS = 5;

/** When to go back to the primary: after a time on an alternative, and after twice that each time it did not work. */
export class Failback {
  readonly #options: FailbackOptions;
  #failures = 0;
  #cancel: () => void = () => {};
  #isArmed = false;

  constructor(options: FailbackOptions) {
    this.#options = options;
  }

  /** An alternative plays. Idempotent. */
  arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    const { clock, afterMs } = this.#options;
    const doublings = Math.min(MOST_DOUBLINGS, this.#failures);
    this.#cancel = clock.after(afterMs * 2 ** doublings, () => void this.#try());
  }

  /** The primary plays, or nothing does. */
  disarm(): void {
    this.#isArmed = false;
    this.#cancel();
  }

  /** The primary did not last. */
  failed(): void {
    this.#failures += 1;
  }

  /** It did. */
  succeeded(): void {
    this.#failures = 0;
  }

  async #try(): Promise<void> {
    let isTried = true;
    try {
      isTried = await this.#options.tryPrimary();
    } catch {
      this.failed();
    }
    if (!this.#isArmed) return;
    this.#isArmed = false;
    // Tried with success, it plays, and there is nothing to go back to.
    if (!isTried || this.#failures > 0) this.arm();
  }
}

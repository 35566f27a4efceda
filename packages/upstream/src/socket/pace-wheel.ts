/** The grain of the wheel in ms: connections due within the same grain are resumed together. */
export const PACE_GRAIN_MS = 10;
const SLOTS = 128;

/**
 * One timer for all paced connections. Resuming many at once lets one turn of the event loop read them all, and a
 * timer per connection would cost more than the reads. The timer runs only while something waits.
 */
export class PaceWheel {
  readonly #slots: (() => void)[][] = Array.from({ length: SLOTS }, () => []);
  #position = 0;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  get waiting(): number {
    return this.#waiting;
  }

  /** Calls `wake` after about `ms` (rounded to the grain, at least one grain, at most the wheel's turn). */
  schedule(wake: () => void, ms: number): void {
    const ahead = Math.min(Math.max(Math.round(ms / PACE_GRAIN_MS), 1), SLOTS - 1);
    this.#slots[(this.#position + ahead) % SLOTS]?.push(wake);
    this.#waiting++;
    this.#timer ??= setInterval(() => this.#tick(), PACE_GRAIN_MS);
  }

  #tick(): void {
    this.#position = (this.#position + 1) % SLOTS;
    const due = this.#slots[this.#position];
    if (due && due.length > 0) {
      this.#slots[this.#position] = [];
      this.#waiting -= due.length;
      for (const wake of due) wake();
    }
    if (this.#waiting === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

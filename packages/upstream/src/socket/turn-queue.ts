/** How much one connection may read before the others get their turn. */
export const TURN_BYTES = 256 * 1024;

/**
 * Lets connections wait for the next turn of the event loop. libuv reads a fast socket up to 32 times in a row: with 64 of
 * them and 256 KB per read, one turn would take half a second, and live viewers and API calls would wait for it.
 */
export class TurnQueue {
  #waiting: (() => void)[] = [];

  next(wake: () => void): void {
    if (this.#waiting.push(wake) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const due = this.#waiting;
    this.#waiting = [];
    for (const wake of due) wake();
  };
}

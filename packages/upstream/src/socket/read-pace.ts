/** Bytes a paced read should bring. Below the smallest receive window (64 KB), so that waiting never throttles the sender. */
const BURST_BYTES = 48 * 1024;
/** Waiting less than this is not worth a timer. */
const SHORTEST_PAUSE_MS = 5;
/** Rates are measured over at least this long. */
const SAMPLE_MS = 20;

/**
 * Decides how long a paced connection waits after a short read: `paceMs` for a slow source, less the faster it is,
 * nothing for one that is faster than any live stream. A source that is held back by our waiting (its
 * window full each time) looks faster after each shorter wait, so the waits shrink until it runs free.
 */
export class ReadPace {
  readonly #paceMs: number;
  #since: number;
  #bytes = 0;
  #pauseMs = 0;

  constructor(paceMs: number, now: number) {
    this.#paceMs = paceMs;
    this.#since = now;
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The pause in ms after a read that left the socket empty; 0 means read on. */
  pauseMs(now: number): number {
    const elapsed = now - this.#since;
    if (elapsed >= SAMPLE_MS) {
      const wanted = this.#bytes > 0 ? (BURST_BYTES * elapsed) / this.#bytes : this.#paceMs;
      this.#pauseMs = wanted < SHORTEST_PAUSE_MS ? 0 : Math.min(wanted, this.#paceMs);
      this.#since = now;
      this.#bytes = 0;
    }
    return this.#pauseMs;
  }
}

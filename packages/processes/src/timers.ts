/** The clock and timers of everything here that waits, so that tests can be the clock. Times in ms. */
export interface Timers {
  /** A monotonic clock. */
  now(): number;
  /** Calls back once after `ms`; returns what takes the timer back (idempotent). */
  after(ms: number, callback: () => void): () => void;
}

/** Node's own timers. They keep the event loop alive, as a running child process does. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, callback) {
    const handle = setTimeout(callback, ms);
    return () => clearTimeout(handle);
  },
};

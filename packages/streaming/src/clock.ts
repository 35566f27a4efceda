/** Time as the data plane sees it; injected so that tests own it. All values in ms. */
export interface Clock {
  /** Monotonic: for intervals and deadlines. */
  now(): number;
  /** Wall clock: for records that people read. */
  wallNow(): number;
  /** Runs once after `ms`. Returns its cancellation, which is idempotent. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

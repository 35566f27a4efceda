/**
 * What somebody watching notices: the picture begins with the first media, goes on at the pace of the clock, and stands
 * still while there is nothing more to show.
 */
export class PlaybackClock {
  /** Stalls of more than a frame. */
  stalls = 0;
  stalledMs = 0;
  longestStallMs = 0;
  /** Of media that have arrived. */
  bufferedMs = 0;
  #startedAt: number | undefined;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Ms since the picture began that have been shown. */
  get playedMs(): number {
    if (this.#startedAt === undefined) return 0;
    return Math.min(this.bufferedMs, this.#now() - this.#startedAt - this.stalledMs);
  }

  /** Media of that length have arrived. */
  add(seconds: number): void {
    this.settle();
    this.#startedAt ??= this.#now();
    this.bufferedMs += seconds * 1_000;
  }

  /** Counts a stall that is going on, up to now. */
  settle(): void {
    if (this.#startedAt === undefined) return;
    const missing = this.#now() - this.#startedAt - this.stalledMs - this.bufferedMs;
    if (missing <= 40) return;
    this.stalls += 1;
    this.stalledMs += missing;
    this.longestStallMs = Math.max(this.longestStallMs, missing);
  }
}

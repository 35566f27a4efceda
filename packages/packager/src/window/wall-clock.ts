/** Which wall clock time segments are of: it goes on with the media, and never back. */
export class MediaWallClock {
  #endMs: number | undefined;

  /** `endMs`: of what was there before. */
  constructor(endMs?: number) {
    this.#endMs = endMs;
  }

  /** Where the next segment begins; undefined until one has been placed. */
  get endMs(): number | undefined {
    return this.#endMs;
  }

  /**
   * When a segment's first picture was live. `behindMs`: from there to what has come by now; counts for the first segment and
   * behind discontinuities, everything else follows on what is before it.
   */
  place(
    durationMs: number,
    { nowMs, behindMs, isNew }: { nowMs: number; behindMs: number; isNew: boolean },
  ): number {
    const live = nowMs - behindMs;
    const startMs = this.#endMs === undefined ? live : isNew ? Math.max(this.#endMs, live) : this.#endMs;
    this.#endMs = startMs + durationMs;
    return startMs;
  }
}

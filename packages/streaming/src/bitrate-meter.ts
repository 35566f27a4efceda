/** Mean bitrate over the last one to two windows. */
export class BitrateMeter {
  readonly #windowMs: number;
  #startMs: number;
  #bytes = 0;
  #previousKbps: number | undefined;

  constructor(nowMs: number, windowMs = 4_000) {
    this.#startMs = nowMs;
    this.#windowMs = windowMs;
  }

  add(bytes: number, nowMs: number): void {
    const elapsed = nowMs - this.#startMs;
    if (elapsed >= this.#windowMs) {
      this.#previousKbps = (this.#bytes * 8) / elapsed;
      this.#bytes = 0;
      this.#startMs = nowMs;
    }
    this.#bytes += bytes;
  }

  /** In kbit/s, rounded; 0 while nothing has been measured. */
  kbps(nowMs: number): number {
    const elapsed = nowMs - this.#startMs;
    if (elapsed >= this.#windowMs) return Math.round((this.#bytes * 8) / elapsed);
    if (this.#previousKbps !== undefined) return Math.round(this.#previousKbps);
    return elapsed > 500 ? Math.round((this.#bytes * 8) / elapsed) : 0;
  }
}

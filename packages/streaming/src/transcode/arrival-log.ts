interface Arrival {
  atMs: number;
  /** Absolute offset after the newest byte then. */
  head: number;
}

/** What comes within this time counts as having come together, ms. */
const TOGETHER_MS = 10;

/** When the bytes of a ring came, for the last `keepMs`: so that they can be read again at the pace they came at. */
export class ArrivalLog {
  readonly #keepMs: number;
  readonly #arrivals: Arrival[] = [];

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  note(head: number, nowMs: number): void {
    const last = this.#arrivals.at(-1);
    if (last && nowMs - last.atMs < TOGETHER_MS) {
      last.head = head;
      return;
    }
    this.#arrivals.push({ atMs: nowMs, head });
    if (this.#arrivals[0]!.atMs < nowMs - 2 * this.#keepMs) {
      const gone = this.#arrivals.findIndex(({ atMs }) => atMs >= nowMs - this.#keepMs);
      this.#arrivals.splice(0, gone);
    }
  }

  /** The ring's end as it was at that time; of a time before all that is known, the oldest known. */
  headAt(ms: number): number {
    const later = this.#arrivals.findIndex(({ atMs }) => atMs > ms);
    if (later === -1) return this.#arrivals.at(-1)?.head ?? 0;
    return this.#arrivals[Math.max(0, later - 1)]!.head;
  }

  /** When the byte at `offset` came, or undefined where it has not, or too long ago. */
  arrivedMs(offset: number): number | undefined {
    const first = this.#arrivals.findIndex(({ head }) => head > offset);
    return first <= 0 ? undefined : this.#arrivals[first]!.atMs;
  }
}

/** Turns counters that live as long as what they count (a pool) into one that lives as long as the process. */
export class Growth {
  #last = new Map<string, number>();

  /** What was added since the last call, over all keys. Keys that are absent are forgotten; a smaller value is a new life. Equal keys add up. */
  take(current: Iterable<readonly [key: string, value: number]>): number {
    let sum = 0;
    for (const grown of this.takeEach(current).values()) sum += grown;
    return sum;
  }

  /** The same for each key. */
  takeEach(current: Iterable<readonly [key: string, value: number]>): ReadonlyMap<string, number> {
    const grown = new Map<string, number>();
    const seen = new Map<string, number>();
    for (const [key, value] of current) seen.set(key, (seen.get(key) ?? 0) + value);
    for (const [key, value] of seen) {
      const before = this.#last.get(key) ?? 0;
      grown.set(key, value >= before ? value - before : value);
    }
    this.#last = seen;
    return grown;
  }
}

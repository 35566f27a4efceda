/** How many there are: with steps of half a millisecond up to 20 s, what is above counts as that. */
const BUCKETS = 40_000;

/** Counts durations in ms and answers percentiles to a step, half a millisecond by default, in fixed memory. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS + 1);
  readonly #stepMs: number;
  count = 0;
  max = 0;

  constructor(stepMs = 0.5) {
    this.#stepMs = stepMs;
  }

  add(ms: number): void {
    const bucket = Math.min(BUCKETS, Math.max(0, Math.floor(ms / this.#stepMs)));
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.count += 1;
    if (ms > this.max) this.max = ms;
  }

  /** The value that a share of all values does not exceed; 0 without values. `share` 0.99 is p99. */
  percentile(share: number): number {
    if (this.count === 0) return 0;
    const wanted = Math.ceil(this.count * share);
    let seen = 0;
    for (let bucket = 0; bucket <= BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted) return Math.min(this.max, (bucket + 1) * this.#stepMs);
    }
    return this.max;
  }

  reset(): void {
    this.#counts.fill(0);
    this.count = 0;
    this.max = 0;
  }

  summary(): Percentiles {
    return { count: this.count, p50: this.percentile(0.5), p99: this.percentile(0.99), max: this.max };
  }
}

/** In ms. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function percentilesOf(values: readonly number[]): Percentiles {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram.summary();
}

import type { Registry } from 'prom-client';

/** Something that adds its figures to those of `/metrics`. */
export interface Meter {
  /** Called once, before the first scrape. */
  register(registry: Registry): void;
}

/** Takes the duration of one thing, in ms. */
export type Observe = (ms: number) => void;

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Per bucket, the last one beyond all bounds; not cumulative. */
  readonly counts: Float64Array;
  sumSeconds: number;
}

export interface DurationHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * A histogram for what happens a hundred thousand times a second: prom-client's builds a key of its labels and checks them
 * at each observation, this one is told them once. Durations are given in ms and shown in seconds.
 */
export class DurationHistogram implements Meter {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor({ name, help, labelNames, buckets }: DurationHistogramOptions) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.#bounds = buckets;
  }

  register(registry: Registry): void {
    // What a registry asks of its metrics is here; the type also names the classes of prom-client.
    registry.registerMetric(this as unknown as Parameters<Registry['registerMetric']>[0]);
  }

  /** The way in for one combination of labels: keep it. The values are given in the order of the names. */
  of(...values: string[]): Observe {
    const key = values.join('\n');
    const known = this.#series.get(key);
    const series: Series = known ?? {
      labels: Object.fromEntries(this.labelNames.map((name, at) => [name, values[at] ?? ''])),
      counts: new Float64Array(this.#bounds.length + 1),
      sumSeconds: 0,
    };
    if (!known) this.#series.set(key, series);
    const bounds = this.#bounds;
    const { counts } = series;
    return (ms) => {
      const seconds = ms > 0 ? ms / 1000 : 0;
      let at = 0;
      while (at < bounds.length && seconds > bounds[at]!) at += 1;
      counts[at]! += 1;
      series.sumSeconds += seconds;
    };
  }

  /** As a registry of prom-client asks. */
  async get() {
    const values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
    for (const { labels, counts, sumSeconds } of this.#series.values()) {
      let count = 0;
      for (const [at, inBucket] of counts.entries()) {
        count += inBucket;
        const le = this.#bounds[at] ?? '+Inf';
        values.push({ metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count });
      }
      values.push({ metricName: `${this.name}_sum`, labels: { ...labels }, value: sumSeconds });
      values.push({ metricName: `${this.name}_count`, labels: { ...labels }, value: count });
    }
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    this.#series.clear();
  }
}

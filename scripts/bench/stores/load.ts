import { Histogram, type Percentiles } from '../measure/histogram.ts';

export interface Rate extends Percentiles {
  readonly what: string;
  readonly perSecond: number;
}

/**
 * Does `step` for 0 … count - 1, `atOnce` of them at the same time, as that many callers would. `each`: how many things one
 * step does.
 */
export async function rateOf(
  what: string,
  { count, atOnce, each = 1 }: { count: number; atOnce: number; each?: number },
  step: (index: number) => Promise<unknown>,
): Promise<Rate> {
  const histogram = new Histogram();
  let next = 0;
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const from = performance.now();
      await step(index);
      histogram.add(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, caller));
  const seconds = (performance.now() - startedAt) / 1000;
  return { what, perSecond: Math.round((count * each) / seconds), ...histogram.summary() };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

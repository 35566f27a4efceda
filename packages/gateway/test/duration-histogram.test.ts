import { Histogram, Registry } from 'prom-client';
import { DurationHistogram } from '../src/index.ts';

const SHAPE = { name: 'it_seconds', help: 'It', labelNames: ['a', 'b'], buckets: [0.01, 0.1, 1] };

test('is what prom-client’s would be, in the text that Prometheus reads', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const histogram = new DurationHistogram(SHAPE);
  histogram.register(ours);
  const reference = new Histogram({ ...SHAPE, registers: [theirs] });
  for (const [a, b, ms] of [
    ['x', 'ok', 10],
    ['x', 'ok', 10.1],
    ['x', 'ok', 5_000],
    ['x', 'no', 0],
    ['y', 'ok', 999],
  ] as const) {
    histogram.of(a, b)(ms);
    reference.observe({ a, b }, ms / 1000);
  }
  const sorted = async (registry: Registry): Promise<string[]> =>
    // Labels may come in another order.
    (await registry.metrics())
      .split('\n')
      .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => labels.split(',').sort().join()))
      .sort();
  expect(await sorted(ours)).toEqual(await sorted(theirs));
  expect(await ours.getSingleMetricAsString('it_seconds')).toContain('it_seconds_count');
});

/** A provider as a process of its own. It is told once what to serve, answers with its port, and ends with the benchmark. */
import { FakeProvider, type LiveOptions, makeSample, type SampleOptions } from '@streampool/testkit';

export interface ProviderPlan {
  readonly sample: SampleOptions;
  readonly live?: { readonly paths: readonly string[]; readonly options: LiveOptions }[];
  /** Served as fast as it is read. Short: a loop that fits the CPU's cache leaves the memory to the server under test. */
  readonly endless?: { readonly path: string; readonly sample: SampleOptions };
}

process.once('message', async (plan: ProviderPlan) => {
  const sample = await makeSample(plan.sample);
  const provider = await FakeProvider.start();
  for (const { paths, options } of plan.live ?? []) provider.live(paths, sample, options);
  if (plan.endless) provider.endless(plan.endless.path, await makeSample(plan.endless.sample));
  const watched = (plan.live ?? []).flatMap(({ paths }) => paths).map((path) => provider.stats(path));
  process.on('message', (order) => {
    // The most at once is counted from here on.
    if (order === 'watch') for (const stats of watched) stats.max = stats.current;
    const sum = (of: 'current' | 'max'): number => watched.reduce((total, stats) => total + stats[of], 0);
    process.send?.({ connections: provider.connections, current: sum('current'), most: sum('max') });
  });
  process.send?.({ port: provider.port, kbps: (sample.bytes * 8) / sample.seconds / 1_000 });
});
process.on('disconnect', () => process.exit());

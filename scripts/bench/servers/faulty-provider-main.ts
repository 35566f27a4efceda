/** A provider that misbehaves by order, as a process of its own. It is told once what to serve, and ends with the benchmark. */
import {
  FakeProvider,
  type Fault,
  type LiveOptions,
  makeSample,
  type SampleOptions,
} from '@streampool/testkit';

export interface FaultyProviderPlan {
  readonly sample: SampleOptions;
  readonly paths: readonly string[];
  readonly live: LiveOptions;
}

export type FaultyProviderOrder =
  | { readonly order: 'cut' | 'stall'; readonly path: string }
  | { readonly order: 'fault'; readonly path: string; readonly fault: Fault }
  | { readonly order: 'repair'; readonly path?: string }
  | { readonly order: 'watch' | 'look' };

/** Who is connected: by path now, in all now, and the most at once since `watch`. */
export interface ProviderCounts {
  readonly byPath: Readonly<Record<string, number>>;
  readonly current: number;
  readonly most: number;
  /** The last connections that came and went before there were that many, oldest first. */
  readonly beforeMost: readonly string[];
}

const KEPT_HISTORY = 12;

process.once('message', async ({ sample: options, paths, live }: FaultyProviderPlan) => {
  const sample = await makeSample(options);
  const provider = await FakeProvider.start();
  let [current, most] = [0, 0];
  const history: string[] = [];
  let beforeMost: readonly string[] = [];
  const note = (what: string): void => {
    history.push(`${new Date().toISOString().slice(11, 23)} ${what}, ${current}`);
    if (history.length > KEPT_HISTORY) history.shift();
    if (current <= most) return;
    most = current;
    beforeMost = [...history];
  };
  for (const path of paths) {
    const channel = provider.live(path, sample, live);
    // Counted over all paths at once: the most of each path would not add up.
    provider.route(path, (exchange) => {
      current += 1;
      note(`+${path}`);
      exchange.onClose(() => {
        current -= 1;
        note(`-${path}`);
      });
      channel.serve(exchange);
    });
  }
  process.on('message', ({ id, ...message }: FaultyProviderOrder & { id: number }) => {
    const order = message as FaultyProviderOrder;
    if (order.order === 'cut') provider.cut(order.path, 'rst');
    if (order.order === 'stall') provider.stall(order.path);
    if (order.order === 'fault') provider.fault(order.path, order.fault);
    if (order.order === 'repair') provider.clearFaults(order.path);
    if (order.order === 'watch') most = current;
    const byPath = Object.fromEntries(paths.map((path) => [path, provider.stats(path).current]));
    process.send?.({ id, counts: { byPath, current, most, beforeMost } satisfies ProviderCounts });
  });
  process.send?.({ port: provider.port });
});
process.on('disconnect', () => process.exit());

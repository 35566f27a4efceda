/** A provider of HLS and of the same as a transport stream, as a process of its own. It ends with the benchmark. */
import { FakeProvider, makeSample, type SampleOptions } from '@streampool/testkit';

export interface HlsProviderPlan {
  readonly sample: SampleOptions;
  readonly segmentSeconds: number;
}

/** What the provider was asked for since `watch`. */
export interface HlsProviderCounts {
  readonly playlists: number;
  readonly segments: number;
  /** The most requests of one segment. */
  readonly mostOfASegment: number;
  /** Of the transport stream: connections now. */
  readonly streams: number;
  /** TCP connections now, and the most at once. */
  readonly connections: number;
  readonly mostConnections: number;
}

process.once('message', async ({ sample: options, segmentSeconds }: HlsProviderPlan) => {
  const sample = await makeSample(options);
  const provider = await FakeProvider.start({ keepAliveMs: 30_000 });
  const channel = provider.hls('/hls/', sample, { segmentSeconds, window: 6 });
  provider.live('/live.ts', sample, { start: 'keyframe' });
  process.on('message', (order) => {
    if (order === 'watch') {
      channel.requests.clear();
      provider.mostConnections = provider.connections;
    }
    const segments = channel.count('segment');
    const counts: HlsProviderCounts = {
      ...{
        playlists: channel.count('playlist').total,
        segments: segments.total,
        mostOfASegment: segments.most,
      },
      ...{ streams: provider.stats('/live.ts').current, connections: provider.connections },
      mostConnections: provider.mostConnections,
    };
    process.send?.(counts);
  });
  process.send?.({ port: provider.port });
});
process.on('disconnect', () => process.exit());

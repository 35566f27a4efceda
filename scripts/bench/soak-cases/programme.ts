import { createStream } from '@streampool/testkit';
import type { Site } from '../failover-cases/site.ts';
import { AudienceProcess } from '../load/audience-process.ts';
import { FaultyProvider } from '../servers/faulty-provider.ts';

export type SoakKind = 'shared' | 'transcoded' | 'direct';

/** One stream with three sources and a group of viewers. */
export interface Channel {
  readonly name: string;
  readonly kind: SoakKind;
  readonly id: string;
  readonly provider: FaultyProvider;
  readonly paths: readonly string[];
  readonly urls: readonly string[];
  readonly audience: AudienceProcess;
  viewers: number;
}

const COPY = '-i {input_url} -map 0:v -map 0:a -c copy -f mpegts pipe:1';
const SOURCES = ['a', 'b', 'c'];
export const ALLOWED_CONNECTIONS = 2;
const CHANNELS: readonly { readonly name: string; readonly kind: SoakKind; readonly limited?: boolean }[] = [
  { name: 'shared-1', kind: 'shared' },
  { name: 'shared-2', kind: 'shared' },
  { name: 'transcoded-1', kind: 'transcoded' },
  { name: 'transcoded-2', kind: 'transcoded' },
  { name: 'direct-1', kind: 'direct' },
  { name: 'limited-1', kind: 'shared', limited: true },
  { name: 'limited-2', kind: 'shared', limited: true },
];

/** What is played during a soak: streams of all kinds, two of them from a provider that allows two connections. */
export class Programme {
  readonly channels: readonly Channel[];
  readonly providers: readonly FaultyProvider[];
  /** Of pools, whose viewers outlive any worker. */
  readonly pooled: AudienceProcess;
  /** Of direct streams, whose viewers end with the process that serves them. */
  readonly direct: AudienceProcess;

  private constructor(
    channels: readonly Channel[],
    providers: readonly FaultyProvider[],
    audiences: readonly [AudienceProcess, AudienceProcess],
  ) {
    this.channels = channels;
    this.providers = providers;
    [this.pooled, this.direct] = audiences;
  }

  /** Of three sources per stream: who allows any number of connections, and who does not. */
  static startProviders(): Promise<[FaultyProvider, FaultyProvider]> {
    const sample = {
      ...{ codec: 'h264' as const, constantRate: true, bFrames: 0, seconds: 24, gopSeconds: 1 },
      ...{ videoKbps: 800, audio: [{ kbps: 64 }], extra: ['-pes_payload_size', '0'] },
    };
    const start = (limited: boolean): Promise<FaultyProvider> => {
      const own = CHANNELS.filter((channel) => (channel.limited ?? false) === limited);
      const paths = own.flatMap(({ name }) => pathsOf(name));
      return FaultyProvider.start({ sample, paths, live: { start: 'fresh' } });
    };
    return Promise.all([start(false), start(true)]);
  }

  /** The setting by which nodes know from their start on what the second provider allows. */
  static settings(limited: FaultyProvider): Readonly<Record<string, string>> {
    return { PROVIDERS: `limited=${ALLOWED_CONNECTIONS}@${new URL(limited.url('/')).host}` };
  }

  static async open(
    site: Site,
    providers: readonly [FaultyProvider, FaultyProvider],
    { viewers }: { viewers: number },
  ): Promise<Programme> {
    const [free, limited] = providers;
    const [door] = site.doors;
    const audiences = [new AudienceProcess(), new AudienceProcess()] as const;
    const channels: Channel[] = [];
    for (const { name, kind, limited: isLimited } of CHANNELS) {
      const provider = isLimited ? limited : free;
      const paths = pathsOf(name);
      const [url, ...failoverUrls] = paths.map((path) => provider.url(path));
      const request = { url, failover_urls: failoverUrls };
      const { id } = await (kind === 'transcoded'
        ? createStream(door!, 'transcode', { ...request, profile: COPY })
        : createStream(door!, 'streams', { ...request, shared: kind === 'shared' }));
      const urls = site.doors.map((node) => `${node.url}/stream/${id}`);
      const audience = audiences[kind === 'direct' ? 1 : 0];
      const channel: Channel = { name, kind, id, provider, paths, urls, audience, viewers: 0 };
      channels.push(channel);
      await tune(channel, viewers);
    }
    return new Programme(channels, providers, audiences);
  }

  async close(): Promise<void> {
    await Promise.all([this.pooled.close(), this.direct.close()]);
  }
}

function pathsOf(name: string): string[] {
  return SOURCES.map((source) => `/${name}-${source}.ts`);
}

/** Further viewers of a channel. */
export async function tune(channel: Channel, count: number): Promise<void> {
  channel.viewers += count;
  await channel.audience.connect({ urls: channel.urls, count, perSecond: 200, group: channel.name });
}

/** Viewers who hang up. */
export async function leave(channel: Channel, count: number): Promise<void> {
  channel.viewers -= count;
  await channel.audience.disconnect({ group: channel.name, count });
}

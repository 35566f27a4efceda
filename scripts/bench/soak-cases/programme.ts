import { api, createStream } from '@streampool/testkit';
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
export const LIMITED = { id: 'limited', connections: 2 };

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

  static async open(site: Site, { viewers }: { viewers: number }): Promise<Programme> {
    const wanted: { name: string; kind: SoakKind; limited?: boolean }[] = [
      { name: 'shared-1', kind: 'shared' },
      { name: 'shared-2', kind: 'shared' },
      { name: 'transcoded-1', kind: 'transcoded' },
      { name: 'transcoded-2', kind: 'transcoded' },
      { name: 'direct-1', kind: 'direct' },
      { name: 'limited-1', kind: 'shared', limited: true },
      { name: 'limited-2', kind: 'shared', limited: true },
    ];
    const sample = {
      ...{ codec: 'h264' as const, constantRate: true, bFrames: 0, seconds: 24, gopSeconds: 1 },
      ...{ videoKbps: 800, audio: [{ kbps: 64 }], extra: ['-pes_payload_size', '0'] },
    };
    const start = (limited: boolean): Promise<FaultyProvider> => {
      const names = wanted
        .filter((channel) => (channel.limited ?? false) === limited)
        .map(({ name }) => name);
      const paths = names.flatMap((name) => SOURCES.map((source) => `/${name}-${source}.ts`));
      return FaultyProvider.start({ sample, paths, live: { start: 'fresh' } });
    };
    const [free, limited] = [await start(false), await start(true)];
    const [door] = site.doors;
    const body = { hosts: [new URL(limited.url('/')).host], max_connections: LIMITED.connections };
    const answer = await api(door!, 'PUT', `/providers/${LIMITED.id}`, body);
    if (answer.status !== 200)
      throw new Error(`PUT /providers/${LIMITED.id} answered ${answer.status}: ${answer.text}`);
    const audiences = [new AudienceProcess(), new AudienceProcess()] as const;
    const channels: Channel[] = [];
    for (const { name, kind, limited: isLimited } of wanted) {
      const provider = isLimited ? limited : free;
      const paths = SOURCES.map((source) => `/${name}-${source}.ts`);
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
    return new Programme(channels, [free, limited], audiences);
  }

  async close(): Promise<void> {
    await Promise.all([this.pooled.close(), this.direct.close()]);
    await Promise.all(this.providers.map((provider) => provider.close()));
  }
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

import { setTimeout as delay } from 'node:timers/promises';
import { Cluster, type ClusterNode, createStream, waitFor } from '@streampool/testkit';
import { AudienceProcess } from '../load/audience-process.ts';
import { type Percentiles, percentilesOf } from '../measure/histogram.ts';
import { ProviderProcess } from '../servers/provider-process.ts';

/** `transcoded`: one FFmpeg; `encoded`: one that really encodes; `shared`: one provider connection and no FFmpeg. */
export type StreamKind = 'transcoded' | 'encoded' | 'shared';

export interface SceneOptions {
  readonly viewers: number;
  readonly mbit: number;
  readonly gopSeconds: number;
  /** Where the provider begins with a new connection: at once with a keyframe, or with the next packet that is due. */
  readonly sourceStart: 'keyframe' | 'live';
  /** Put the time of sending into the stream. FFmpeg then takes longer to know what it has before it. */
  readonly stamps: boolean;
  /** Settings of the nodes. */
  readonly env: Readonly<Record<string, string>>;
}

/** What an event did to the viewers and to the records. */
export interface Outcome {
  readonly dropped: number;
  readonly syncErrors: number;
  readonly continuityErrors: number;
  /** PTS, DTS or PCR that went back. */
  readonly timeErrors: number;
  /** Of each viewer, its longest time without bytes; ms. */
  readonly gaps: readonly number[];
  readonly gap: Percentiles;
  readonly ffmpegs: number;
  readonly providerMost: number;
  readonly providerAfter: number;
  readonly viewersInRecord: number;
  readonly ownerChanged: boolean;
  readonly epochRose: boolean;
  /** From the event until the records said what they should; ms. */
  readonly settledMs: number;
  /** What is not as promised; empty if all is. */
  readonly failures: readonly string[];
  readonly notes: readonly string[];
}

export interface Expectation {
  /** Another worker owns it, under a higher epoch. Otherwise owner and epoch may be any. */
  readonly moves: boolean;
  /** The most that p99 of the gaps may be, ms. */
  readonly gapMs: number;
}

const COPY = '-i {input_url} -map 0:v -map 0:a -c copy -f mpegts pipe:1';
const COPY_ALL = '-probesize 500000 -i {input_url} -map 0 -copy_unknown -c copy -f mpegts pipe:1';
const PATH = '/live.ts';
/** After this, what is not as it should be counts as that. */
const SETTLE_MS = 15_000;
/** Viewers are watched on for so long after the records are right. */
const WATCH_ON_MS = 2_000;

/** Two gateways, three workers, their Redis, a provider and viewers at the gateways. */
export class Scene {
  readonly cluster: Cluster;
  readonly provider: ProviderProcess;
  readonly audience = new AudienceProcess();
  readonly #options: SceneOptions;
  #streams = 0;

  private constructor(options: SceneOptions, cluster: Cluster, provider: ProviderProcess) {
    this.#options = options;
    this.cluster = cluster;
    this.provider = provider;
  }

  static async open(options: SceneOptions): Promise<Scene> {
    const provider = await ProviderProcess.start({
      sample: {
        ...{ codec: 'h264', constantRate: true, bFrames: 0, seconds: 24, gopSeconds: options.gopSeconds },
        // The rest is sound and packet headers.
        ...{ videoKbps: Math.round(options.mbit * 1_000 * 0.9 - 64), audio: [{ kbps: 64 }] },
      },
      live: [{ paths: [PATH], options: { start: options.sourceStart, stamps: options.stamps } }],
    });
    const env = { NODE_ENV: 'production', LOG_LEVEL: 'info', LOG_FORMAT: 'json', ...options.env };
    const cluster = await Cluster.start({ gateways: 2, workers: 3, env });
    return new Scene(options, cluster, provider);
  }

  /** A stream of its own, whose id nobody else has. */
  async create(kind: StreamKind): Promise<string> {
    const url = this.provider.url(`${PATH}?${++this.#streams}`);
    const [gateway] = this.cluster.gateways;
    const copy = this.#options.stamps ? COPY_ALL : COPY;
    const stream =
      kind === 'shared'
        ? await createStream(gateway!, 'streams', { url, shared: true })
        : await createStream(gateway!, 'transcode', {
            url,
            profile: kind === 'encoded' ? 'lowlatency' : copy,
          });
    return stream.id;
  }

  urls(nodes: readonly ClusterNode[], streamId: string): string[] {
    return nodes.map(({ url }) => `${url}/stream/${streamId}`);
  }

  /** Brings the audience at the gateways up to its number. Resolves when all of them are watching, and in the records. */
  async fill(streamId: string): Promise<void> {
    const { viewers } = this.#options;
    const { connected } = await this.audience.report();
    const urls = this.urls(this.cluster.gateways, streamId);
    await this.audience.connect({ urls, count: viewers - connected, perSecond: 200 });
    await waitFor(async () => Number((await this.cluster.record(streamId)).viewers) === viewers, {
      ...{ timeoutMs: 20_000, what: () => `${viewers} viewers in the records` },
    });
    await delay(1_000);
  }

  /** Lets something happen, waits until the cluster has dealt with it, and says what viewers saw and records say. */
  async during(
    streamId: string,
    kind: StreamKind,
    { moves, gapMs }: Expectation,
    event: (owner: ClusterNode) => Promise<void>,
  ): Promise<Outcome> {
    const { viewers } = this.#options;
    const before = await this.cluster.record(streamId);
    const owner = await this.cluster.ownerOf(streamId);
    await this.provider.watch();
    const first = await this.audience.reset();
    const began = performance.now();
    await event(owner);
    const ffmpegs = kind === 'shared' ? 0 : 1;
    const look = async () => {
      const record = await this.cluster.record(streamId);
      const watching = await this.provider.audience();
      return {
        ...{
          ffmpegs: this.cluster.ffmpegs().length,
          providerMost: watching.most,
          providerAfter: watching.current,
        },
        viewersInRecord: Number(record.viewers ?? 0),
        ownerChanged: record.owner !== before.owner && (record.owner ?? '') !== '',
        epochRose: Number(record.epoch) > Number(before.epoch),
        state: record.state,
      };
    };
    const isRight = (seen: Awaited<ReturnType<typeof look>>): boolean =>
      seen.ffmpegs === ffmpegs &&
      seen.providerAfter === 1 &&
      seen.viewersInRecord === viewers &&
      seen.state === 'live' &&
      (!moves || (seen.ownerChanged && seen.epochRose));
    await waitFor(async () => isRight(await look()), { timeoutMs: SETTLE_MS, everyMs: 50 }).catch(() => {});
    const settledMs = performance.now() - began;
    const isPlaying = async (): Promise<boolean> => (await this.audience.report()).silentMs < 1_000;
    await waitFor(isPlaying, { timeoutMs: SETTLE_MS, everyMs: 50 }).catch(() => {});
    await delay(WATCH_ON_MS);

    const { state, ...seen } = await look();
    const gaps = await this.audience.gaps();
    const last = await this.audience.report();
    const gap = percentilesOf(gaps);
    const counts = {
      dropped: last.dropped - first.dropped,
      syncErrors: last.syncErrors - first.syncErrors,
      continuityErrors: last.continuityErrors - first.continuityErrors,
      timeErrors: last.timestampErrors - first.timestampErrors,
    };
    const failures = [
      ...Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : [])),
      ...(gap.p99 > gapMs ? [`gap p99 ${Math.round(gap.p99)} ms, above ${gapMs}`] : []),
      ...(seen.ffmpegs === ffmpegs ? [] : [`${seen.ffmpegs} FFmpegs`]),
      ...(seen.providerAfter === 1 ? [] : [`${seen.providerAfter} provider connections`]),
      ...(seen.viewersInRecord === viewers ? [] : [`${seen.viewersInRecord} viewers in the records`]),
      ...(state === 'live' ? [] : [`state ${state}`]),
      ...(!moves || (seen.ownerChanged && seen.epochRose) ? [] : ['owner or epoch did not change']),
    ];
    return {
      ...counts,
      gaps,
      gap,
      ...seen,
      settledMs,
      failures,
      notes: failures.length > 0 ? last.notes : [],
    };
  }

  /** The viewers hang up, and the stream ends. */
  async clear(): Promise<void> {
    await this.audience.disconnect();
    await waitFor(() => this.cluster.ffmpegs().length === 0, { timeoutMs: 30_000, what: 'no FFmpeg' });
  }

  async close(): Promise<void> {
    await this.audience.close();
    await this.cluster.close();
    await this.provider.close();
  }
}

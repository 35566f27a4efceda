import { setTimeout as delay } from 'node:timers/promises';
import { createStream, type VideoCodec, waitFor } from '@streampool/testkit';
import { AudienceProcess } from '../load/audience-process.ts';
import { type Percentiles, percentilesOf } from '../measure/histogram.ts';
import { say } from '../measure/report.ts';
import { FaultyProvider } from '../servers/faulty-provider.ts';
import type { FaultCase } from './faults.ts';
import { type Site, stateOf } from './site.ts';
import { type ClockDrift, type Recording, Witness } from './witness.ts';

/** `transcoded`: one FFmpeg that copies; `encoded`: one that really encodes; `shared`: no FFmpeg. */
export type StreamKind = 'shared' | 'transcoded' | 'encoded';

export interface SceneOptions {
  readonly viewers: number;
  readonly codec: VideoCodec;
  readonly mbit: number;
  readonly gopSeconds: number;
  /** How the provider begins a connection. See `LiveOptions`. */
  readonly sourceStart: 'fresh' | 'keyframe' | 'live';
  /** DELIVERY_INTERVAL_MS of the nodes. */
  readonly deliveryMs: number;
  /** Sources of each stream: the primary and its failover URLs. */
  readonly sources: number;
}

/** One event, and what came of it. */
export interface Round {
  readonly gap: Percentiles;
  readonly settledMs: number;
  readonly providerMost: number;
  readonly providerAfter: number;
  readonly ffmpegs: number;
  readonly failures: readonly string[];
}

export interface CaseResult {
  readonly name: string;
  readonly kind: StreamKind;
  readonly codec: VideoCodec;
  readonly times: number;
  readonly viewers: number;
  readonly gapTargetMs?: number;
  /** Longer than the delivery pace without bytes: of each viewer its longest, over all rounds; ms. */
  readonly gap: Percentiles;
  /** The same with the delivery pace: the plain time without bytes; ms. */
  readonly silence: Percentiles;
  readonly dropped: number;
  readonly syncErrors: number;
  readonly continuityErrors: number;
  /** DTS, PTS or PCR that went back. */
  readonly timeErrors: number;
  readonly drift: ClockDrift;
  readonly recording: Recording;
  readonly rounds: readonly Round[];
  readonly failures: readonly string[];
}

const SETTLE_MS = 15_000;
/** Viewers are watched on for so long after everything is right again. */
const WATCH_ON_MS = 1_500;
const DRIFT_MS = 100;
const WITNESSES = 3;
const PROFILES = {
  transcoded: '-i {input_url} -map 0:v -map 0:a -c copy -f mpegts pipe:1',
  encoded: 'lowlatency',
} as const;

/** A provider, one node or a cluster, and viewers. */
export class Scene {
  readonly site: Site;
  readonly provider: FaultyProvider;
  readonly #audience = new AudienceProcess();
  readonly #options: SceneOptions;
  #streams = 0;

  private constructor(options: SceneOptions, site: Site, provider: FaultyProvider) {
    this.#options = options;
    this.site = site;
    this.provider = provider;
  }

  static async open(site: Site, options: SceneOptions): Promise<Scene> {
    const { codec, gopSeconds, mbit, sources, sourceStart } = options;
    const provider = await FaultyProvider.start({
      sample: {
        ...{ codec, constantRate: codec === 'h264', bFrames: 0, seconds: 24, gopSeconds },
        // The rest is sound and packet headers.
        ...{ videoKbps: Math.round(mbit * 1_000 * 0.9 - 64), audio: [{ kbps: 64 }] },
        // Sound in pieces of a third of a second, as FFmpeg makes them by itself, would set the pace of what FFmpeg puts out.
        extra: ['-pes_payload_size', '0'],
      },
      paths: Array.from({ length: sources }, (_, index) => `/source-${index}.ts`),
      live: { start: sourceStart },
    });
    return new Scene(options, site, provider);
  }

  get viewers(): number {
    return this.#options.viewers;
  }

  /** Lets something happen to a stream of its own several times, with the same viewers. */
  async run(plan: FaultCase, kind: StreamKind, times: number): Promise<CaseResult> {
    const { viewers, codec, deliveryMs } = this.#options;
    const name = `${plan.name}, ${kind}, ${codec}`;
    const streamId = await this.#create(kind);
    const urls = this.site.doors.map(({ url }) => `${url}/stream/${streamId}`);
    const before = await this.#audience.connect({ urls, count: viewers, perSecond: 200 });
    const witnesses = Array.from({ length: WITNESSES }, (_, i) => new Witness(urls[i % urls.length]!));
    try {
      await Promise.all(witnesses.map(({ player }) => player.waitForMedia(3, 20_000)));
      const silences: number[] = [];
      const rounds: Round[] = [];
      for (let round = 1; round <= times; round++) {
        const { failures, settledMs, gap, ...seen } = await this.#round(plan, kind, streamId, silences);
        rounds.push({ failures, settledMs, gap, ...seen });
        const figures = `gap p50 ${Math.round(gap.p50)} p99 ${Math.round(gap.p99)} max ${Math.round(gap.max)} ms`;
        const verdict = failures.length > 0 ? `  FAILED: ${failures.join('; ')}` : '';
        say(`${name} ${round}/${times}: ${figures}, settled ${Math.round(settledMs)} ms${verdict}`);
      }
      const after = await this.#audience.report();
      const recording = await witnesses[0]!.examine();
      const counts = {
        dropped: after.dropped - before.dropped + witnesses.filter(({ player }) => player.end).length,
        syncErrors: after.syncErrors - before.syncErrors,
        continuityErrors: after.continuityErrors - before.continuityErrors,
        timeErrors: after.timestampErrors - before.timestampErrors,
      };
      const drifts = witnesses.map(({ drift }) => drift);
      const drift = {
        lateMs: Math.max(...drifts.map(({ lateMs }) => lateMs)),
        aheadMs: Math.max(...drifts.map(({ aheadMs }) => aheadMs)),
      };
      const gap = percentilesOf(silences.map((ms) => Math.max(0, ms - deliveryMs)));
      const failures = [
        ...rounds.flatMap((round, index) => round.failures.map((text) => `round ${index + 1}: ${text}`)),
        ...Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : [])),
        ...(plan.gapMs !== undefined && gap.p99 > plan.gapMs
          ? [`gap p99 ${Math.round(gap.p99)} ms, above ${plan.gapMs}`]
          : []),
        ...this.#driftFailures(drift),
        ...recording.decodeErrors.slice(0, 5).map((line) => `ffmpeg: ${line}`),
        ...recording.silentTracks.map((track) => `no ${track} at the end`),
      ];
      if (failures.length > 0) {
        const notes = failures.length > rounds.length ? after.notes.slice(0, 3) : [];
        say(`${name}: FAILED: ${[...failures, ...notes].join('; ')}`);
      }
      return {
        ...{ name: plan.name, kind, codec, times, viewers },
        ...(plan.gapMs !== undefined && { gapTargetMs: plan.gapMs }),
        ...{ gap, silence: percentilesOf(silences), ...counts, drift, recording, rounds, failures },
      };
    } finally {
      await Promise.all(witnesses.map(({ player }) => player.close()));
      await this.#clear();
    }
  }

  async #create(kind: StreamKind): Promise<string> {
    const own = ++this.#streams;
    const [url, ...failoverUrls] = this.provider.paths.map((path) => this.provider.url(`${path}?${own}`));
    const body = { url, failover_urls: failoverUrls };
    const [door] = this.site.doors;
    const stream =
      kind === 'shared'
        ? await createStream(door!, 'streams', { ...body, shared: true })
        : await createStream(door!, 'transcode', { ...body, profile: PROFILES[kind] });
    return stream.id;
  }

  async #round(plan: FaultCase, kind: StreamKind, streamId: string, silences: number[]): Promise<Round> {
    const path = await this.provider.playing();
    await this.provider.watch();
    await this.#audience.reset();
    const began = performance.now();
    const problems: string[] = [];
    await plan.happen(this, streamId).catch((error: unknown) => problems.push(`${(error as Error).message}`));
    const wanted = kind === 'shared' ? 0 : 1;
    const look = async () => ({
      ...{ ffmpegs: this.site.ffmpegs().length, state: await stateOf(this.site, streamId) },
      ...{ counts: await this.provider.counts(), playing: await this.provider.playing() },
      silentMs: (await this.#audience.report()).silentMs,
    });
    type Seen = Awaited<ReturnType<typeof look>>;
    const wrongs = ({ ffmpegs, state, counts, playing, silentMs }: Seen): string[] => [
      ...(ffmpegs === wanted ? [] : [`${ffmpegs} FFmpegs`]),
      ...(counts.current === 1 ? [] : [`${counts.current} provider connections`]),
      ...(state === 'live' ? [] : [`state ${state}`]),
      ...(plan.moves && playing === path ? [`${path} plays on`] : []),
      ...(silentMs < 1_000 ? [] : ['viewers without bytes']),
    ];
    if (problems.length === 0) {
      // What is right before the fault is noticed proves nothing.
      await delay(plan.noticedMs ?? 500);
      const isRight = async (): Promise<boolean> => wrongs(await look()).length === 0;
      await waitFor(isRight, { timeoutMs: SETTLE_MS, everyMs: 50 }).catch(() => {});
    }
    const settledMs = performance.now() - began;
    await delay(WATCH_ON_MS);
    const seen = await look();
    const gaps = await this.#audience.gaps();
    silences.push(...gaps);
    await this.provider.repair();
    const { most, current } = seen.counts;
    return {
      ...{ settledMs, providerMost: most, providerAfter: current, ffmpegs: seen.ffmpegs },
      gap: percentilesOf(gaps.map((ms) => Math.max(0, ms - this.#options.deliveryMs))),
      failures: [
        ...problems,
        ...wrongs(seen),
        ...(most > 2 ? [`${most} provider connections at once`] : []),
        ...(gaps.length < this.viewers ? [`${this.viewers - gaps.length} viewers gone`] : []),
      ],
    };
  }

  /** A source that begins with what it has kept puts the stream ahead of the clock; players have that in their buffers. */
  #driftFailures({ lateMs, aheadMs }: ClockDrift): string[] {
    const { sourceStart } = this.#options;
    return [
      ...(lateMs > DRIFT_MS ? [`PCR ${Math.round(lateMs)} ms behind the wall clock`] : []),
      ...(aheadMs > DRIFT_MS && sourceStart !== 'keyframe'
        ? [`PCR ${Math.round(aheadMs)} ms ahead of the wall clock`]
        : []),
    ];
  }

  /** The viewers hang up, and the stream ends. */
  async #clear(): Promise<void> {
    await this.#audience.disconnect();
    await waitFor(
      async () => this.site.ffmpegs().length === 0 && (await this.provider.counts()).current === 0,
      { timeoutMs: 30_000, everyMs: 100, what: 'the source being let go' },
    );
  }

  async close(): Promise<void> {
    await this.#audience.close();
    await this.site.close();
    await this.provider.close();
  }
}

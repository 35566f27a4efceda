import { StreampoolError } from '@streampool/errors';
import type { Tracer } from '@streampool/tracing';
import type { UpstreamClient, UpstreamTarget, UpstreamTimeouts } from '@streampool/upstream';
import type { Logger } from 'pino';
import { type Attempt, type ChainPolicy, DEFAULT_CHAIN_POLICY } from './chain-options.ts';
import { GatedSource } from './choice/gated-source.ts';
import { PoolChoice } from './choice/pool-choice.ts';
import { resolverOf } from './choice/resolver.ts';
import type { SourceHealth } from './choice/source-health.ts';
import { SourceList } from './choice/source-list.ts';
import type { Clock } from './clock.ts';
import { forAttempt } from './connection-holder.ts';
import { DeliveryClock } from './delivery-clock.ts';
import type { Watching } from './detection/index.ts';
import { SourceFaults } from './drill/index.ts';
import type { StreamSpec } from './engine-api.ts';
import type { EngineSettings } from './engine-settings.ts';
import { Pool } from './pool.ts';
import type { PoolEvents } from './pool-options.ts';
import type { Placements, PoolPlacement } from './relay/placements.ts';
import { type SlateFillerOptions, SlateStore } from './slate/index.ts';
import type { Source } from './source.ts';
import { FfmpegSource } from './transcode/ffmpeg-source.ts';
import { type InputDoor, TranscodeInput } from './transcode/transcode-input.ts';
import { UpstreamSource } from './upstream-source.ts';

export interface PoolFactoryOptions {
  readonly settings: EngineSettings;
  readonly client: UpstreamClient;
  readonly door: InputDoor;
  readonly log: Logger;
  readonly clock: Clock;
  readonly health: SourceHealth;
  /** Looks whether sources are worth watching. */
  readonly watching: Watching;
  /** In a cluster: where sources are. */
  readonly placements?: Placements;
  readonly tracer?: Tracer;
}

export interface PoolPlace {
  readonly after: Promise<void>;
  readonly events: PoolEvents;
  readonly onFinal: () => void;
}

/** FFmpeg reads its input in turns of this length: its delay adds to every viewer's. */
const FEED_INTERVAL_MS = 20;

const INPUT_RETAIN_MS = 5_000;

/** Builds the pool that a stream's kind asks for: what its sources are, and what feeds them. */
export class PoolFactory {
  readonly #options: PoolFactoryOptions;
  readonly #delivery: DeliveryClock;
  readonly #feedDelivery = new DeliveryClock({ intervalMs: FEED_INTERVAL_MS });

  #slates: SlateStore | undefined;

  constructor(options: PoolFactoryOptions) {
    this.#options = options;
    const { settings } = options;
    this.#delivery = new DeliveryClock({ intervalMs: settings.deliveryIntervalMs });
  }

  create(spec: StreamSpec, place: PoolPlace): Pool {
    const placement = this.#options.placements?.of(spec.id);
    return spec.kind === 'transcode'
      ? this.#transcode(spec, place, placement)
      : this.#shared(spec, place, placement);
  }

  #shared(spec: StreamSpec, place: PoolPlace, placement?: PoolPlacement): Pool {
    const { settings, client, clock } = this.#options;
    const alternatives = 1 + spec.failoverUrls.length;
    const { sources, choice } = this.#choice(spec, placement);
    const placed = (own: () => Source, attempt: Attempt): Source => placement?.open(own, attempt) ?? own();
    const isPaced = (): boolean => placement?.relayed !== true;
    const faults = new SourceFaults(clock);
    return new Pool({
      faults,
      spec,
      settings: { ...settings, maxViewers: settings.maxClientsPerSharedStream },
      clock,
      delivery: this.#delivery,
      relayDelivery: this.#feedDelivery,
      ...(placement && { placement }),
      ...place,
      intake: {
        alternatives,
        choice,
        policy: this.#upstreamPolicy(spec),
        ring: this.#ring(),
        isPaced,
        watch: this.#options.watching.providers(spec.detection),
        ...this.#slate(spec, () => placement?.isOurs !== false),
        open: (attempt) =>
          placed(
            () =>
              this.#gated(choice, attempt, 'upstream', () =>
                faults.wrap({
                  index: attempt.index,
                  onBroken: () => choice.dropped(attempt),
                  open: () => {
                    choice.begin(attempt);
                    return new UpstreamSource({
                      client,
                      target: forAttempt(sources.at(attempt.index), attempt),
                      timeouts: this.#timeouts(spec),
                      paceMs: this.#paceMs(),
                      fresh: attempt.fresh,
                      beside: attempt.beside,
                    });
                  },
                }),
              ),
            attempt,
          ),
      },
    });
  }

  #transcode(spec: StreamSpec, place: PoolPlace, placement?: PoolPlacement): Pool {
    const { settings, client, clock, door, log, watching, tracer } = this.#options;
    const { ffmpegArgs } = spec;
    if (!ffmpegArgs) throw new StreampoolError('INTERNAL', 'a transcoded stream without FFmpeg arguments');
    const alternatives = 1 + spec.failoverUrls.length;
    // Of what FFmpeg reads through the ring the input goes back itself.
    const { sources, choice } = this.#choice(spec, placement, () => !input.isRunning);
    const placed = (own: () => Source, attempt: Attempt): Source => placement?.open(own, attempt) ?? own();
    const isPaced = (): boolean => placement?.relayed !== true;
    const faults = new SourceFaults(clock);
    const input: TranscodeInput = new TranscodeInput({
      faults,
      sources,
      alternatives,
      choice: this.#choiceOf(spec, sources, placement),
      client,
      timeouts: this.#timeouts(spec),
      policy: this.#upstreamPolicy(spec),
      ring: this.#inputRing(),
      paceMs: FEED_INTERVAL_MS,
      watch: watching.providers(spec.detection),
      door,
      clock,
      delivery: this.#feedDelivery,
      events: {
        lost: (error) => pool.noteInputLost(error),
        noted: (note) => pool.note(note),
        recovered: (info) => pool.noteInputRecovered(info),
        tracksChanged: () => void pool.replaceEncoder('TRACKS_CHANGED'),
      },
    });
    const pool: Pool = new Pool({
      spec,
      settings: {
        ...settings,
        maxViewers: settings.poolTranscodes ? settings.maxClientsPerSharedStream : 1,
      },
      clock,
      delivery: this.#delivery,
      relayDelivery: this.#feedDelivery,
      ...(placement && { placement }),
      ...place,
      intake: {
        alternatives,
        choice,
        policy: {
          ...DEFAULT_CHAIN_POLICY,
          startMs: settings.streamTimeoutMs,
          stallMs: settings.streamTimeoutMs,
          accessPointMs: this.#accessPointMs(),
          maxAttempts: settings.maxAttempts,
          ...this.#failback(spec),
        },
        ring: this.#ring(),
        isPaced,
        watch: watching.encoders(spec.detection, () => input.isReadAlone),
        ...this.#slate(spec, () => placement?.isOurs !== false),
        open: (attempt) =>
          placed(
            () =>
              this.#gated(
                choice,
                attempt,
                'ffmpeg',
                () => {
                  // FFmpeg that is started again reads on from the input that is there.
                  if (!input.isRunning) choice.begin(attempt);
                  return new FfmpegSource({
                    ffmpegPath: settings.ffmpegPath,
                    args: ffmpegArgs,
                    programme: spec.programme,
                    input,
                    index: attempt.index,
                    stopGraceMs: settings.stopGraceMs,
                    clock,
                    noted: (note) => pool.note(note),
                    log: log.child({ streamId: spec.id }),
                    ...(tracer && {
                      openSpan: () =>
                        tracer.open('ffmpeg start', {
                          attributes: { 'stream.id': spec.id, index: attempt.index },
                        }),
                    }),
                  });
                },
                () => input.isRunning,
              ),
            attempt,
          ),
      },
      faults,
      drillInput: { isPossible: () => input.isRunning, report: (error) => input.report(error) },
      closeInput: () => input.close(),
      idleInput: () => input.release(),
      switchInput: (replacement) => input.replace(replacement),
      inputStatus: () => ({
        index: input.index,
        restarts: input.restarts,
        lastError: input.lastError,
        media: input.media,
      }),
    });
    return pool;
  }

  #choice(
    spec: StreamSpec,
    placement?: PoolPlacement,
    isIts?: () => boolean,
  ): { sources: SourceList; choice: PoolChoice } {
    const sources = new SourceList(targetsOf(spec));
    return { sources, choice: this.#choiceOf(spec, sources, placement, isIts) };
  }

  /** `isIts`: whether the source is this chain's to change. */
  #choiceOf(
    spec: StreamSpec,
    list: SourceList,
    placement?: PoolPlacement,
    isIts = (): boolean => true,
  ): PoolChoice {
    const { client, health, log } = this.#options;
    const resolver = resolverOf(spec, { client, log });
    const isOurs = (): boolean => placement?.relayed !== true && isIts();
    return new PoolChoice({ list, health, isOurs, ...(resolver && { resolver }) });
  }

  /** `isFree`: nobody is asked. */
  #gated(
    choice: PoolChoice,
    { index, isFirst }: Attempt,
    kind: Source['kind'],
    open: () => Source,
    isFree = (): boolean => false,
  ): Source {
    const { clock, settings } = this.#options;
    // Later ones have been chosen by how they are.
    if (!isFirst) return open();
    const waitMs = (): number => (isFree() ? 0 : choice.waitMs(index));
    const want = (): void => choice.want(index);
    return new GatedSource({ kind, open, waitMs, want, clock, patienceMs: settings.streamTimeoutMs / 2 });
  }

  /** Idempotent. To be called when no pool is left; resolves when no FFmpeg of its own is. */
  async close(): Promise<void> {
    await this.#slates?.close();
  }

  /** `isShownHere`: relays carry the slate of the node whose source is silent. */
  #slate(
    spec: StreamSpec,
    isShownHere: () => boolean,
  ): { slate?: Pick<SlateFillerOptions, 'store' | 'afterMs' | 'mayShow'> } {
    const { settings, log } = this.#options;
    if (!(spec.slate ?? settings.slate)) return {};
    this.#slates ??= new SlateStore({
      ffmpegPath: settings.ffmpegPath,
      onFailed: ({ message }, format) => log.warn({ format, reason: message }, 'no slate could be made'),
    });
    return { slate: { store: this.#slates, afterMs: settings.slateAfterMs, mayShow: isShownHere } };
  }

  /** All alternatives together must have had their turn before the viewers' patience ends. */
  #attemptMs({ failoverUrls }: StreamSpec): number {
    return Math.max(1_000, (this.#options.settings.streamTimeoutMs * 0.9) / (1 + failoverUrls.length));
  }

  #timeouts(spec: StreamSpec): UpstreamTimeouts {
    const attemptMs = this.#attemptMs(spec);
    const { connectMs, firstByteMs } = spec.timeouts ?? {};
    return {
      connectMs: connectMs ?? Math.min(this.#options.settings.connectTimeoutMs, attemptMs),
      firstByteMs: firstByteMs ?? attemptMs,
    };
  }

  #upstreamPolicy(spec: StreamSpec): ChainPolicy {
    const { settings } = this.#options;
    const { connectMs, firstByteMs } = this.#timeouts(spec);
    // What was asked for of this stream counts, even beyond its share of the viewers' patience.
    const startMs =
      spec.timeouts?.firstByteMs === undefined ? this.#attemptMs(spec) : connectMs + firstByteMs;
    return {
      ...DEFAULT_CHAIN_POLICY,
      startMs,
      stallMs: spec.timeouts?.stallMs ?? settings.stallTimeoutMs,
      accessPointMs: this.#accessPointMs(),
      maxAttempts: settings.maxAttempts,
      ...this.#failback(spec),
    };
  }

  #failback({ failbackAfterMs = this.#options.settings.failbackAfterMs }: StreamSpec) {
    return failbackAfterMs > 0 ? { failbackAfterMs } : {};
  }

  /** A source that could start within the viewers' patience must be able to come back, too. */
  #accessPointMs(): number {
    return Math.max(DEFAULT_CHAIN_POLICY.accessPointMs, this.#options.settings.streamTimeoutMs);
  }

  /** Only FFmpeg reads it, and FFmpeg that falls behind by seconds does better to skip. */
  #inputRing() {
    const { budgetBytes, retainMs } = this.#ring();
    return { budgetBytes, retainMs: Math.min(INPUT_RETAIN_MS, retainMs) };
  }

  #ring() {
    const { ringBudgetBytes, ringRetainMs } = this.#options.settings;
    return { budgetBytes: ringBudgetBytes, retainMs: ringRetainMs };
  }

  /** Half of what a viewer waits for its turn on average: the kernel batches, and the delay hardly grows. */
  #paceMs(): number {
    return Math.min(50, this.#options.settings.deliveryIntervalMs / 2);
  }
}

/** The primary, then the failover URLs, all asked in the same way. */
export function targetsOf(spec: StreamSpec): UpstreamTarget[] {
  return [spec.target, ...spec.failoverUrls.map((url) => ({ ...spec.target, url }))];
}

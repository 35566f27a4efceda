import { StreampoolError } from '@streampool/errors';
import type { UpstreamClient, UpstreamTarget, UpstreamTimeouts } from '@streampool/upstream';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { DeliveryClock } from './delivery-clock.ts';
import type { StreamSpec } from './engine-api.ts';
import type { EngineSettings } from './engine-settings.ts';
import { Pool, type PoolEvents } from './pool.ts';
import type { Placements, PoolPlacement } from './relay/placements.ts';
import type { Source } from './source.ts';
import { type SlateFillerOptions, SlateStore } from './slate/index.ts';
import { type Attempt, type ChainPolicy, DEFAULT_CHAIN_POLICY } from './source-chain.ts';
import { FfmpegSource } from './transcode/ffmpeg-source.ts';
import { type InputDoor, TranscodeInput } from './transcode/transcode-input.ts';
import { UpstreamSource } from './upstream-source.ts';

export interface PoolFactoryOptions {
  readonly settings: EngineSettings;
  readonly client: UpstreamClient;
  readonly door: InputDoor;
  readonly log: Logger;
  readonly clock: Clock;
  /** In a cluster: where sources are. */
  readonly placements?: Placements;
}

export interface PoolPlace {
  readonly after: Promise<void>;
  readonly events: PoolEvents;
  readonly onFinal: () => void;
}

/** FFmpeg reads its input in turns of this length: its delay adds to every viewer's. */
const FEED_INTERVAL_MS = 20;

const INPUT_RETAIN_MS = 2_000;

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
    const targets = targetsOf(spec);
    const placed = (own: () => Source, attempt: Attempt): Source => placement?.open(own, attempt) ?? own();
    const isPaced = (): boolean => placement?.relayed !== true;
    return new Pool({
      spec,
      settings: { ...settings, maxViewers: settings.maxClientsPerSharedStream },
      clock,
      delivery: this.#delivery,
      relayDelivery: this.#feedDelivery,
      ...(placement && { placement }),
      ...place,
      intake: {
        alternatives: targets.length,
        policy: this.#upstreamPolicy(targets.length),
        ring: this.#ring(),
        isPaced,
        ...this.#slate(spec, isPaced),
        open: (attempt) =>
          placed(
            () =>
              new UpstreamSource({
                client,
                target: targets[attempt.index]!,
                timeouts: this.#timeouts(targets.length),
                paceMs: this.#paceMs(),
              }),
            attempt,
          ),
      },
    });
  }

  #transcode(spec: StreamSpec, place: PoolPlace, placement?: PoolPlacement): Pool {
    const { settings, client, clock, door, log } = this.#options;
    const { ffmpegArgs } = spec;
    if (!ffmpegArgs) throw new StreampoolError('INTERNAL', 'a transcoded stream without FFmpeg arguments');
    const targets = targetsOf(spec);
    const placed = (own: () => Source, attempt: Attempt): Source => placement?.open(own, attempt) ?? own();
    const isPaced = (): boolean => placement?.relayed !== true;
    const input = new TranscodeInput({
      targets,
      client,
      timeouts: this.#timeouts(targets.length),
      policy: this.#upstreamPolicy(targets.length),
      ring: this.#inputRing(),
      paceMs: FEED_INTERVAL_MS,
      door,
      clock,
      delivery: this.#feedDelivery,
      events: {
        lost: (error) => pool.noteInputLost(error),
        noted: (note) => pool.note(note),
        recovered: (info) => pool.noteInputRecovered(info),
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
        alternatives: targets.length,
        policy: {
          ...DEFAULT_CHAIN_POLICY,
          startMs: settings.streamTimeoutMs,
          stallMs: settings.streamTimeoutMs,
          accessPointMs: this.#accessPointMs(),
          maxAttempts: settings.maxAttempts,
        },
        ring: this.#ring(),
        isPaced,
        ...this.#slate(spec, isPaced),
        open: (attempt) =>
          placed(
            () =>
              new FfmpegSource({
                ffmpegPath: settings.ffmpegPath,
                args: ffmpegArgs,
                input,
                index: attempt.index,
                stopGraceMs: settings.stopGraceMs,
                clock,
                noted: (note) => pool.note(note),
                log: log.child({ streamId: spec.id }),
              }),
            attempt,
          ),
      },
      closeInput: () => input.close(),
      idleInput: () => input.release(),
      switchInput: (replacement) => input.replace(replacement),
      inputStatus: () => ({ index: input.index, restarts: input.restarts, lastError: input.lastError }),
    });
    return pool;
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
  #attemptMs(alternatives: number): number {
    return Math.max(1_000, (this.#options.settings.streamTimeoutMs * 0.9) / alternatives);
  }

  #timeouts(alternatives: number): UpstreamTimeouts {
    const attemptMs = this.#attemptMs(alternatives);
    return {
      connectMs: Math.min(this.#options.settings.connectTimeoutMs, attemptMs),
      firstByteMs: attemptMs,
    };
  }

  #upstreamPolicy(alternatives: number): ChainPolicy {
    const { stallTimeoutMs, maxAttempts } = this.#options.settings;
    return {
      ...DEFAULT_CHAIN_POLICY,
      startMs: this.#attemptMs(alternatives),
      stallMs: stallTimeoutMs,
      accessPointMs: this.#accessPointMs(),
      maxAttempts,
    };
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

import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Source, SourceProgress } from './source.ts';

/** How a chain judges its sources and how long it hopes. All times in ms. */
export interface ChainPolicy {
  /** From opening a source to its first byte. */
  readonly startMs: number;
  /** Silence of a running source after which it counts as dead. */
  readonly stallMs: number;
  /** From a source's first byte to its first access point: bytes without pictures (null packets) are no life. */
  readonly accessPointMs: number;
  /** A source that ran this long without fault clears the record of failures. */
  readonly stableMs: number;
  /** Failed attempts in a row, after the chain was live, until it gives up. */
  readonly maxAttempts: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
}

export const DEFAULT_CHAIN_POLICY: ChainPolicy = {
  startMs: 10_000,
  stallMs: 3_000,
  accessPointMs: 15_000,
  stableMs: 30_000,
  maxAttempts: 12,
  backoff: { firstMs: 250, maxMs: 5_000 },
};

/** Which source to open: `index` 0 is the primary, n the n-th alternative. */
export interface Attempt {
  readonly index: number;
}

export interface ChainEvents {
  /** A chunk of the current source, valid until the call returns. False: it is not what it should be. */
  data(chunk: Buffer): void;
  /** A further source begins: bytes from now on are another's, to be spliced. Not called for the first. */
  nextSource(): void;
  progress(progress: SourceProgress): void;
  /** The running source was lost and another attempt follows. */
  lost(error: StreampoolError): void;
  /** A source delivers again after a loss. */
  recovered(info: { gapMs: number; index: number; reason: string }): void;
  /** The content is complete. Final. */
  ended(): void;
  /** No hope left. Final. */
  failed(error: StreampoolError): void;
}

export interface ChainOptions {
  /** Number of alternatives: 1 + failover URLs. */
  readonly alternatives: number;
  readonly open: (attempt: Attempt) => Source;
  readonly policy: ChainPolicy;
  readonly events: ChainEvents;
  readonly clock: Clock;
  readonly random?: () => number;
}

/**
 * Keeps one source running: opens it, watches it, and replaces it when it is lost, first by itself, then by the next
 * alternative. Never two at once: the old one's socket is closed and its process gone before the next is opened, so that
 * a provider's limit of one connection holds. What an old source still says is ignored (every callback checks its
 * generation).
 */
export class SourceChain {
  readonly #options: ChainOptions;
  readonly #backoff: Backoff;
  #generation = 0;
  #source: Source | undefined;
  #index = 0;
  #wasLive = false;
  #failures = 0;
  #liveSinceMs = 0;
  #lastDataMs = 0;
  #hasData = false;
  #hasAccessPoint = false;
  /** Since when an access point is being waited for. */
  #fruitlessSinceMs = 0;
  #lossReason = '';
  /** When the last byte of the last running source came. */
  #lostSinceMs = 0;
  #cancelWatch: () => void = () => {};
  #cancelRetry: () => void = () => {};
  #done = false;
  #paused = false;
  #closing: Promise<void> = Promise.resolve();
  bytesIn = 0;
  /** Sources opened after the first. */
  restarts = 0;
  lastError: StreampoolError | undefined;

  constructor(options: ChainOptions) {
    this.#options = options;
    this.#backoff = new Backoff({
      ...options.policy.backoff,
      ...(options.random ? { random: options.random } : {}),
    });
  }

  get index(): number {
    return this.#index;
  }

  get pid(): number | undefined {
    return this.#source?.pid;
  }

  /** True between the loss of a source and the first byte of the next. */
  get isSwitching(): boolean {
    return this.#wasLive && !this.#hasData && !this.#done;
  }

  start(): void {
    this.#open();
  }

  pause(): void {
    this.#paused = true;
    this.#source?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastDataMs = this.#options.clock.now();
    this.#source?.resume();
  }

  /** Tells the chain that viewers can start in what its source sends. */
  noteAccessPoint(): void {
    this.#hasAccessPoint = true;
  }

  /** Tells the chain that what its source sends is useless. */
  reject(error: StreampoolError): void {
    if (!this.#done) this.#lost(error);
  }

  /** Idempotent. Resolves when the source's sockets and process are gone. */
  close(): Promise<void> {
    this.#finish();
    return this.#closing;
  }

  #open(): void {
    const generation = ++this.#generation;
    const { clock, policy, events } = this.#options;
    const source = this.#options.open({ index: this.#index });
    this.#source = source;
    this.#hasData = false;
    this.#hasAccessPoint = false;
    this.#lastDataMs = clock.now();
    if (this.#wasLive) events.nextSource();
    this.#watch(generation, policy.startMs);
    const isCurrent = (): boolean => generation === this.#generation && !this.#done;
    source.start({
      data: (chunk) => {
        if (!isCurrent()) return;
        this.#onData(generation);
        this.bytesIn += chunk.length;
        events.data(chunk);
      },
      progress: (progress) => {
        if (isCurrent()) events.progress(progress);
      },
      end: (error) => {
        if (!isCurrent()) return;
        if (error) this.#lost(error);
        else {
          this.#finish();
          events.ended();
        }
      },
    });
    if (this.#paused && isCurrent()) source.pause();
  }

  #onData(generation: number): void {
    const now = this.#options.clock.now();
    this.#lastDataMs = now;
    if (this.#hasData) return;
    this.#hasData = true;
    this.#liveSinceMs = now;
    this.#fruitlessSinceMs = now;
    this.#watch(generation, this.#options.policy.stallMs);
    if (this.#wasLive) {
      const gapMs = Math.round(now - this.#lostSinceMs);
      this.#options.events.recovered({ gapMs, index: this.#index, reason: this.#lossReason });
    }
    this.#wasLive = true;
  }

  /** Looks again when the deadline could have passed at the earliest, so that data need not re-arm a timer. */
  #watch(generation: number, limitMs: number): void {
    this.#cancelWatch();
    const { clock, policy } = this.#options;
    const look = (): void => {
      if (generation !== this.#generation || this.#done) return;
      const now = clock.now();
      if (this.#paused || this.#source?.starved) {
        this.#lastDataMs = now;
        this.#fruitlessSinceMs = now;
      }
      const silentMs = now - this.#lastDataMs;
      if (silentMs >= limitMs) {
        this.#lost(this.#silence(limitMs));
        return;
      }
      if (this.#hasData && !this.#hasAccessPoint && now - this.#fruitlessSinceMs >= policy.accessPointMs) {
        const seconds = policy.accessPointMs / 1000;
        this.#lost(
          new StreampoolError('STREAM_START_TIMEOUT', `no access point (keyframe) within ${seconds} s`),
        );
        return;
      }
      this.#cancelWatch = clock.after(Math.max(1, limitMs - silentMs), look);
    };
    this.#cancelWatch = clock.after(limitMs, look);
  }

  #silence(limitMs: number): StreampoolError {
    const seconds = limitMs / 1000;
    if (this.#source?.kind === 'ffmpeg')
      return new StreampoolError('FFMPEG_STALLED', `FFmpeg put out nothing for ${seconds} s`);
    const what = this.#hasData ? 'stopped sending' : 'sent nothing';
    return new StreampoolError('UPSTREAM_TIMEOUT', `the provider ${what} for ${seconds} s`);
  }

  #lost(error: StreampoolError): void {
    const { clock, policy, events, alternatives } = this.#options;
    this.lastError = error;
    this.#lossReason = error.code;
    const wasRunning = this.#hasData;
    if (wasRunning) this.#lostSinceMs = this.#lastDataMs;
    if (this.#hasAccessPoint && clock.now() - this.#liveSinceMs >= policy.stableMs) {
      this.#failures = 0;
      this.#backoff.reset();
    }
    this.#failures += 1;
    const exhausted = this.#wasLive ? this.#failures >= policy.maxAttempts : this.#failures >= alternatives;
    if (exhausted || (!error.retryable && alternatives === 1)) {
      this.#finish();
      events.failed(error);
      return;
    }
    // A source that ran is tried again itself first (the failure may have been the connection's); one that did not
    // start, or was lost a second time, makes way for the next alternative.
    // Which node plays says nothing of the provider.
    const isProviders = error.code !== 'RELAY_LOST' && error.code !== 'OWNER_CHANGED';
    if (isProviders && (!wasRunning || this.#failures > 1)) this.#index = (this.#index + 1) % alternatives;
    const generation = ++this.#generation;
    this.#hasData = false;
    this.#cancelWatch();
    this.#closing = this.#closeSource();
    if (this.#wasLive) events.lost(error);
    if (this.#done || generation !== this.#generation) return;
    this.#cancelRetry = clock.after(this.#backoff.next(), () => {
      void this.#closing.then(() => {
        if (this.#done || generation !== this.#generation) return;
        this.restarts += 1;
        this.#open();
      });
    });
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#generation += 1;
    this.#cancelWatch();
    this.#cancelRetry();
    this.#closing = Promise.all([this.#closing, this.#closeSource()]).then(() => {});
  }

  async #closeSource(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    try {
      await source?.close();
    } catch (error) {
      // close() never rejects by contract; a source that breaks it must not stop the chain.
      if (isStreampoolError(error)) this.lastError = error;
    }
  }
}

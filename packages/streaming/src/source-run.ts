import { StreampoolError } from '@streampool/errors';
import type { Clock } from './clock.ts';
import type { Source, SourceProgress } from './source.ts';

/** When a source is no good. All times in ms. */
export interface RunPolicy {
  /** From opening a source to its first byte. */
  readonly startMs: number;
  /** Silence of a running source after which it counts as dead. */
  readonly stallMs: number;
  /** From a source's first byte to its first access point: bytes without pictures (null packets) are no life. */
  readonly accessPointMs: number;
}

/** Where one source's bytes go. */
export interface Lane {
  /** Valid until the call returns. */
  data(chunk: Buffer): void;
  /** The content is complete: what is unfinished goes out. */
  end(): void;
  /** Nothing more comes; what is unfinished is forgotten. Idempotent. */
  close(): void;
}

/** Silence of a source that is worth telling: shorter ones no player notices; ms. */
export const NOTED_GAP_MS = 500;
/** Between what an encoder reads and what it makes of it; ms. */
const ENCODER_DELAY_MS = 1_000;

export interface SourceRunOptions {
  readonly source: Source;
  /** Which alternative it plays. */
  readonly index: number;
  readonly lane: Lane;
  readonly policy: RunPolicy;
  readonly clock: Clock;
  readonly events: {
    bytes(count: number): void;
    /** Before the first byte is passed on. */
    firstData(): void;
    progress(progress: SourceProgress): void;
    /** It was silent for that long, and went on by itself. */
    gap?(gapMs: number): void;
    /** Called at most once: ended by itself, silent for too long, or without pictures. Without an error the content is complete. */
    ended(error?: StreampoolError): void;
  };
}

/** One source from its opening to its end, with somebody who looks at the clock. Closed, it says nothing any more. */
export class SourceRun {
  readonly #options: SourceRunOptions;
  #hasData = false;
  #hasAccessPoint = false;
  #lastDataMs = 0;
  #liveSinceMs = 0;
  /** Since when an access point is being waited for. */
  #fruitlessSinceMs = 0;
  #paused = false;
  #cancelWatch: () => void = () => {};
  #closed: Promise<void> | undefined;

  constructor(options: SourceRunOptions) {
    this.#options = options;
  }

  get index(): number {
    return this.#options.index;
  }

  get kind(): Source['kind'] {
    return this.#options.source.kind;
  }

  get pid(): number | undefined {
    return this.#options.source.pid;
  }

  get hasData(): boolean {
    return this.#hasData;
  }

  /** When the last byte came; monotonic ms. */
  get lastDataMs(): number {
    return this.#lastDataMs;
  }

  /** How long it has been playing pictures; 0 if it has not. */
  playedMs(nowMs: number): number {
    return this.#hasAccessPoint ? nowMs - this.#liveSinceMs : 0;
  }

  start(): void {
    const { source, lane, events, policy, clock } = this.#options;
    this.#lastDataMs = clock.now();
    this.#watch(policy.startMs);
    source.start({
      data: (chunk) => {
        if (this.#closed) return;
        this.#onData();
        events.bytes(chunk.length);
        lane.data(chunk);
      },
      progress: (progress) => {
        if (!this.#closed) events.progress(progress);
      },
      end: (error) => this.end(error),
    });
  }

  pause(): void {
    if (this.#closed) return;
    this.#paused = true;
    this.#options.source.pause();
  }

  resume(): void {
    if (this.#closed || !this.#paused) return;
    this.#paused = false;
    this.#lastDataMs = this.#options.clock.now();
    this.#options.source.resume();
  }

  /** Viewers can start in what it sends. */
  noteAccessPoint(): void {
    this.#hasAccessPoint = true;
  }

  /** Says that the source is over, for whatever reason; the run's listener closes it. */
  end(error?: StreampoolError): void {
    if (this.#closed) return;
    this.#cancelWatch();
    if (!error) this.#options.lane.end();
    this.#options.events.ended(error);
  }

  /** Idempotent. Resolves when the source's sockets and process are gone. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelWatch();
    this.#options.lane.close();
    // `close` never rejects by contract; a source that breaks it must not stop what replaces it.
    await this.#options.source.close().catch(() => {});
  }

  #onData(): void {
    const now = this.#options.clock.now();
    const lastDataMs = this.#lastDataMs;
    this.#lastDataMs = now;
    if (now - lastDataMs >= NOTED_GAP_MS) this.#onGap(lastDataMs, now);
    if (this.#hasData) return;
    this.#hasData = true;
    this.#liveSinceMs = now;
    this.#fruitlessSinceMs = now;
    this.#watch(this.#options.policy.stallMs);
    this.#options.events.firstData();
  }

  #onGap(lastDataMs: number, now: number): void {
    const { source, events } = this.#options;
    if (!this.#hasData || source.starved) return;
    const { hungryUntilMs } = source;
    if (hungryUntilMs !== undefined && hungryUntilMs + ENCODER_DELAY_MS > lastDataMs) return;
    events.gap?.(Math.round(now - lastDataMs));
  }

  /** Looks again when the deadline could have passed at the earliest, so that data need not re-arm a timer. */
  #watch(limitMs: number): void {
    this.#cancelWatch();
    const { clock, policy, source } = this.#options;
    const look = (): void => {
      if (this.#closed) return;
      const now = clock.now();
      if (this.#paused || source.starved) {
        this.#lastDataMs = now;
        this.#fruitlessSinceMs = now;
      }
      const silentMs = now - this.#lastDataMs;
      if (silentMs >= limitMs) this.end(this.#silence(limitMs));
      else if (
        this.#hasData &&
        !this.#hasAccessPoint &&
        now - this.#fruitlessSinceMs >= policy.accessPointMs
      ) {
        const seconds = policy.accessPointMs / 1000;
        this.end(
          new StreampoolError('STREAM_START_TIMEOUT', `no access point (keyframe) within ${seconds} s`),
        );
      } else this.#cancelWatch = clock.after(Math.max(1, limitMs - silentMs), look);
    };
    this.#cancelWatch = clock.after(limitMs, look);
  }

  #silence(limitMs: number): StreampoolError {
    const seconds = limitMs / 1000;
    if (this.#options.source.kind === 'ffmpeg')
      return new StreampoolError('FFMPEG_STALLED', `FFmpeg put out nothing for ${seconds} s`);
    const what = this.#hasData ? 'stopped sending' : 'sent nothing';
    return new StreampoolError('UPSTREAM_TIMEOUT', `the provider ${what} for ${seconds} s`);
  }
}

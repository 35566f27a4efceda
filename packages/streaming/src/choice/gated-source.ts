import { StreampoolError } from '@streampool/errors';
import type { Clock } from '../clock.ts';
import type { Source, SourceSink } from '../source.ts';

export interface GatedSourceOptions {
  readonly kind: Source['kind'];
  /** The source itself; called when it may be asked. */
  readonly open: () => Source;
  /** After how many ms it may be; 0: now. */
  readonly waitMs: () => number;
  /** It would be asked as soon as it may be. */
  readonly want: () => void;
  /** A longer wait is refused at once, so that viewers are not left in the dark. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** How often it is looked whether others have found the source well. */
const LOOK_AGAIN_MS = 250;

/** A source that is left alone as long as its circuit breaker is open. While it waits it is not silent, but starved. */
export class GatedSource implements Source {
  readonly kind: Source['kind'];
  readonly #options: GatedSourceOptions;
  #source: Source | undefined;
  #paused = false;
  #closed = false;
  #waitedMs = 0;
  #cancel: () => void = () => {};

  constructor(options: GatedSourceOptions) {
    this.#options = options;
    this.kind = options.kind;
  }

  get pid(): number | undefined {
    return this.#source?.pid;
  }

  get starved(): boolean {
    return this.#source ? (this.#source.starved ?? false) : true;
  }

  get hungryUntilMs(): number | undefined {
    return this.#source?.hungryUntilMs;
  }

  start(sink: SourceSink): void {
    const { open, waitMs, want, patienceMs, clock } = this.#options;
    const leftMs = waitMs();
    if (leftMs > 0 && this.#waitedMs + leftMs > patienceMs) {
      const retryAfterSeconds = Math.max(1, Math.ceil(leftMs / 1000));
      const detail = `the source failed too often, and is tried again in ${retryAfterSeconds} s`;
      this.#cancel = clock.after(0, () => {
        if (!this.#closed) sink.end(new StreampoolError('CIRCUIT_OPEN', detail, { retryAfterSeconds }));
      });
      return;
    }
    if (leftMs > 0) {
      const pauseMs = Math.min(leftMs, LOOK_AGAIN_MS);
      this.#waitedMs += pauseMs;
      want();
      this.#cancel = clock.after(pauseMs, () => {
        if (!this.#closed) this.start(sink);
      });
      return;
    }
    this.#source = open();
    this.#source.start(sink);
    if (this.#paused) this.#source.pause();
  }

  pause(): void {
    this.#paused = true;
    this.#source?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#source?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#source?.close();
  }
}

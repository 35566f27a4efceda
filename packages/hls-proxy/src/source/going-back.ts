import { isStreampoolError } from '@streampool/errors';
import { type Clock, Failback, type StreamNote } from '@streampool/streaming';
import { lookAtMoving } from './look-at.ts';
import type { StreamSources } from './stream-sources.ts';

export interface GoingBackOptions {
  readonly sources: () => StreamSources;
  readonly clock: Clock;
  /** On an alternative for this long, the primary is tried again; 0: never. */
  readonly afterMs: number;
  readonly noted: (note: StreamNote) => void;
}

/** A primary that is lost again within this time was not well. */
const STABLE_MS = 30_000;

/** Takes a stream back to its primary source, once that has shown beside what plays that it moves on. */
export class GoingBack {
  readonly #options: GoingBackOptions;
  readonly #failback: Failback;
  readonly #closing = new AbortController();
  #backSinceMs: number | undefined;

  constructor(options: GoingBackOptions) {
    this.#options = options;
    const { clock, afterMs } = options;
    this.#failback = new Failback({ clock, afterMs, tryPrimary: () => this.#tryPrimary() });
  }

  /** This source plays now. */
  playing(index: number): void {
    if (index === 0) this.#failback.disarm();
    else if (this.#options.afterMs > 0) this.#failback.arm();
  }

  /** What played is lost. */
  lost(): void {
    const { clock } = this.#options;
    if (this.#backSinceMs === undefined) return;
    if (clock.now() - this.#backSinceMs < STABLE_MS) this.#failback.failed();
    else this.#failback.succeeded();
    this.#backSinceMs = undefined;
  }

  /** Idempotent. */
  close(): void {
    this.#failback.disarm();
    this.#closing.abort();
  }

  async #tryPrimary(): Promise<boolean> {
    const { clock, noted } = this.#options;
    const sources = this.#options.sources();
    if (sources.current?.hasPlayed !== true || sources.index === 0 || sources.waitMs(0) > 0) return false;
    noted({ type: 'failback_started', index: 0 });
    try {
      const reason = 'FAILBACK';
      await sources.switchTo({ index: 0, reason }, (turn) => lookAtMoving(turn, clock), this.#closing.signal);
      this.#backSinceMs = clock.now();
      return true;
    } catch (error) {
      const code = isStreampoolError(error) ? error.code : 'INTERNAL';
      noted({ type: 'failback_failed', code, index: 0 });
      throw error;
    }
  }
}

import type { Clock } from '../clock.ts';
import { type EncoderFigures, SlowEncoder } from '../detection/slow-encoder.ts';
import type { StreamNote } from '../notes.ts';

/** From this speed down for this long, viewers run out of pictures: worth telling long before it is worth a failover. */
export const PACE = { slowSpeed: 0.95, slowMs: 10_000 } as const;
/** A little above, so that one on the edge is not told of again and again. */
const RECOVERED_SPEED = 0.98;

export interface EncoderPaceOptions {
  readonly clock: Clock;
  /** See `Source.hungryUntilMs`. */
  readonly hungryUntilMs: () => number;
  readonly noted: (note: StreamNote) => void;
}

/** Tells when FFmpeg becomes too slow for what it reads, and when it is fast enough again. */
export class EncoderPace {
  readonly #options: EncoderPaceOptions;
  readonly #encoder = new SlowEncoder(PACE);
  #slowSinceMs: number | undefined;
  #hungryUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: EncoderPaceOptions) {
    this.#options = options;
  }

  /** Takes a progress report of FFmpeg. */
  push(figures: EncoderFigures): void {
    const { clock, noted } = this.#options;
    const now = clock.now();
    if (this.#wasHungry()) {
      this.#encoder.reset();
      return;
    }
    const isFoundSlow = this.#encoder.push(figures, now) !== undefined;
    const speed = Math.round((this.#encoder.speed ?? 1) * 100) / 100;
    if (isFoundSlow && this.#slowSinceMs === undefined) {
      this.#slowSinceMs = now - PACE.slowMs;
      noted({ type: 'encoder_slow', speed });
    } else if (
      this.#slowSinceMs !== undefined &&
      this.#encoder.speed !== undefined &&
      speed >= RECOVERED_SPEED
    ) {
      noted({ type: 'encoder_recovered', slowMs: Math.round(now - this.#slowSinceMs), speed });
      this.#slowSinceMs = undefined;
    }
  }

  /** It had nothing to read since the last report: that says nothing of its speed. */
  #wasHungry(): boolean {
    const until = this.#options.hungryUntilMs();
    const wasHungry = until > this.#hungryUntilMs;
    this.#hungryUntilMs = until;
    return wasHungry || until === Number.POSITIVE_INFINITY;
  }
}

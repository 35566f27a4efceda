import type { Clock } from './clock.ts';

export interface PacerOptions {
  readonly clock: Clock;
  /** How far the media may run ahead of real time, in ms: room for the burst that many servers start with. */
  readonly leadMs: number;
  readonly pause: () => void;
  readonly resume: () => void;
}

const PCR_WRAP = 2 ** 33;

/**
 * Holds back a source that delivers faster than its own clock reference says, such as a file: its viewers are live
 * viewers, and would be lapped by the ring. A live source never gets ahead, so it is never held.
 */
export class Pacer {
  readonly #options: PacerOptions;
  #firstPcr = -1;
  #lastPcr = -1;
  #mediaMs = 0;
  #startMs = 0;
  #cancel: (() => void) | undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** By how much the media is ahead of real time now; negative: what is due has not come. */
  get aheadMs(): number {
    return this.#mediaMs - (this.#options.clock.now() - this.#startMs);
  }

  /** Notes the newest PCR base (90 kHz, 33 bits) of what was delivered. */
  note(pcr: number): void {
    const now = this.#options.clock.now();
    if (this.#firstPcr < 0) {
      this.#firstPcr = pcr;
      this.#lastPcr = pcr;
      this.#startMs = now;
      return;
    }
    const step = (pcr - this.#lastPcr + PCR_WRAP) % PCR_WRAP;
    this.#lastPcr = pcr;
    // More than 10 s, or backwards: a jump of the clock, not a piece of media.
    if (step < 10 * 90_000) this.#mediaMs += step / 90;
    const elapsed = now - this.#startMs;
    if (this.#mediaMs < elapsed) {
      // Time lost in a gap is not owed: otherwise a source could race to catch up after it.
      this.#startMs = now - this.#mediaMs;
      return;
    }
    const lead = this.#mediaMs - elapsed;
    if (lead > this.#options.leadMs && this.#cancel === undefined) {
      this.#options.pause();
      this.#cancel = this.#options.clock.after(Math.max(20, lead - this.#options.leadMs), () => {
        this.#cancel = undefined;
        this.#options.resume();
      });
    }
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

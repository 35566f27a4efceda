import { TICKS_PER_SECOND, tickDifference } from '@streampool/mpegts';

const TICKS_PER_MS = TICKS_PER_SECOND / 1000;
/** Steps from one unit to the next that are looked at. */
const STEPS = 8;
/** Longer ones are holes. */
const LONGEST_STEP_MS = 500;

/** Timestamps that wrap after 26.5 hours, as times that only grow; and how far apart the units of the stream are. */
export class MediaClock {
  #ticks: number | undefined;
  #ms = 0;
  #steps: number[] = [];
  #lastMs: number | undefined;

  /** 90 kHz in 33 bits → ms since an arbitrary beginning. */
  ms(ticks: number): number {
    if (this.#ticks !== undefined) this.#ms += tickDifference(ticks, this.#ticks) / TICKS_PER_MS;
    this.#ticks = ticks;
    return this.#ms;
  }

  /** A unit is decoded at this time. */
  step(ms: number): void {
    const step = this.#lastMs === undefined ? 0 : ms - this.#lastMs;
    this.#lastMs = ms;
    if (step > 0 && step <= LONGEST_STEP_MS) this.#steps = [...this.#steps.slice(1 - STEPS), step];
  }

  /** From one unit to the next, ms: the longest of the last few. */
  get stepMs(): number {
    return this.#steps.length > 0 ? Math.max(...this.#steps) : 40;
  }

  /** What comes next is not timed as what came before. */
  restart(): void {
    this.#lastMs = undefined;
  }
}

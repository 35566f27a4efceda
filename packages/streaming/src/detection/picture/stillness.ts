/** Pictures looked back on: some five seconds at 25 a second. */
const WINDOW = 128;
const EVALUATE_EVERY = 32;

/** A picture that repeats the one before needs this few bytes… */
const REPEATED_BYTES = 300;
/** …or this share of a keyframe (MPEG-2 spends some bytes on every row of blocks; seen: 1 to 4 %, against 23 % in motion). */
const REPEATED_SHARE = 0.06;

/**
 * Evidence of a still picture without decoding: an encoder that is given the same picture again and again codes most of
 * them in next to nothing. The median decides, since encoders that have bits to spare refine a still picture now and then.
 *
 * It proves nothing (a face that speaks softly may be as cheap), but its absence does: a picture that costs a
 * sixteenth of a keyframe has changed.
 */
export class Stillness {
  readonly #sizes = new Float64Array(WINDOW);
  #count = 0;
  /** Since when pictures repeat each other, in ms; undefined while they move, and until that is known. */
  sinceMs: number | undefined;

  /** Takes the size of the next picture, in bytes without padding. */
  push(bytes: number, nowMs: number): void {
    this.#sizes[this.#count % WINDOW] = bytes;
    this.#count += 1;
    if (this.#count < WINDOW || this.#count % EVALUATE_EVERY !== 0) return;
    const sorted = this.#sizes.toSorted();
    const median = sorted[WINDOW / 2]!;
    const isStill = median <= Math.max(REPEATED_BYTES, sorted[WINDOW - 1]! * REPEATED_SHARE);
    this.sinceMs = isStill ? (this.sinceMs ?? nowMs) : undefined;
  }

  reset(): void {
    this.#count = 0;
    this.sinceMs = undefined;
  }
}

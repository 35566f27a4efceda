import type { OutputMarks } from '@streampool/mpegts';
import type { Ring } from './ring.ts';

/** Enough to tell a frame rate by. */
const SAMPLE_MS = 800;
/** Keyframes that are farther apart are not waited for. */
const LONGEST_MS = 5_000;
const SAMPLE_BYTES = 2 * 1024 * 1024;

/** Takes one sample out of a ring: tables, and what follows a keyframe for about a second. */
export class SampleTaker {
  readonly #ring: Ring;
  readonly #mostBytes: number;
  #start: { readonly offset: number; readonly tables: Buffer; readonly sinceMs: number } | undefined;
  #isDone = false;

  constructor(ring: Ring, mostBytes = SAMPLE_BYTES) {
    this.#ring = ring;
    this.#mostBytes = mostBytes;
  }

  /** What goes out from here on may be another thing: a new sample is wanted. */
  restart(): void {
    this.#start = undefined;
    this.#isDone = false;
  }

  /** To be called for everything that was appended to the ring. Returns the sample once it is there. */
  note({ accessPoints }: OutputMarks, nowMs: number): Buffer | undefined {
    if (this.#isDone) return undefined;
    const point = accessPoints.at(-1);
    const start = this.#start;
    if (!start || start.offset < this.#ring.tail) {
      if (point) this.#start = { offset: point.offset, tables: point.tables, sinceMs: nowMs };
      return undefined;
    }
    const ageMs = nowMs - start.sinceMs;
    if (ageMs < SAMPLE_MS || (!point && ageMs < LONGEST_MS)) return undefined;
    this.#isDone = true;
    this.#start = undefined;
    return Buffer.concat([start.tables, ...this.#slices(start.offset)]);
  }

  #slices(from: number): Buffer[] {
    const slices: Buffer[] = [];
    const to = Math.min(this.#ring.head, from + this.#mostBytes);
    for (let at = from; at < to; ) {
      const block = this.#ring.blockAt(at);
      if (!block) break;
      const slice = this.#ring.sliceOf(block, at, to - at);
      slices.push(slice);
      at += slice.length;
    }
    return slices;
  }
}

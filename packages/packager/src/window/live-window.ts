import type { CutSegment } from '../cutting/segment-cutter.ts';

/** A complete segment, as far as playlists are concerned. */
export interface ListedSegment {
  /** Counts from 0 in this window, without a gap. */
  readonly index: number;
  readonly durationMs: number;
  readonly independent: boolean;
  readonly discontinuity: boolean;
  /** Discontinuities from the window's first segment (whose own is not counted) to this one. */
  readonly discontinuities: number;
  /** Wall clock of its first picture. */
  readonly wallMs: number;
  readonly parts: CutSegment['parts'];
}

export interface LiveWindowOptions {
  /** May change. */
  readonly windowMs: () => number;
  /** A segment can be asked for no more. */
  readonly onGone: (index: number) => void;
}

interface Kept {
  readonly index: number;
  readonly untilMs: number;
}

/**
 * Which segments playlists name, and which ones players may still ask for after that: for as long as the segment and the
 * longest playlist that named it last (RFC 8216 §6.2.2).
 */
export class LiveWindow {
  readonly #options: LiveWindowOptions;
  #listed: ListedSegment[] = [];
  #kept: Kept[] = [];
  #durationMs = 0;
  #added = 0;
  #discontinuities = 0;
  #dependent = 0;

  constructor(options: LiveWindowOptions) {
    this.#options = options;
  }

  /** In order; may be held on to until the next change. */
  get listed(): readonly ListedSegment[] {
    return this.#listed;
  }

  get keptSegments(): number {
    return this.#kept.length;
  }

  /** Every listed segment begins with a keyframe. */
  get independent(): boolean {
    return this.#dependent === 0;
  }

  /** Of all that is listed. */
  get durationMs(): number {
    return this.#durationMs;
  }

  /** The index of the next segment. */
  get nextIndex(): number {
    return this.#added;
  }

  /** Discontinuities so far, but for the first segment's. */
  get discontinuities(): number {
    return this.#discontinuities;
  }

  /** Adds a segment; the oldest leave the list as soon as the window is full without them. `nowMs`: monotonic. */
  add(segment: Omit<ListedSegment, 'index' | 'discontinuities'>, nowMs: number): ListedSegment {
    const index = this.#added;
    this.#added += 1;
    if (segment.discontinuity && index > 0) this.#discontinuities += 1;
    const listed = { ...segment, index, discontinuities: this.#discontinuities };
    this.#listed.push(listed);
    if (!listed.independent) this.#dependent += 1;
    this.#durationMs += listed.durationMs;
    const windowMs = this.#options.windowMs();
    let leaving = 0;
    let leftMs = this.#durationMs;
    while (leftMs - this.#listed[leaving]!.durationMs >= windowMs) {
      const { durationMs, index: old, independent } = this.#listed[leaving]!;
      if (!independent) this.#dependent -= 1;
      this.#kept.push({ index: old, untilMs: nowMs + durationMs + leftMs });
      leftMs -= durationMs;
      leaving += 1;
    }
    if (leaving > 0) this.#listed = this.#listed.slice(leaving);
    this.#durationMs = leftMs;
    this.expire(nowMs);
    return listed;
  }

  /** Lets go of what nobody can want any more. */
  expire(nowMs: number): void {
    // Those that left later may have to be kept for a shorter time, but for hardly any: in order is near enough.
    while (this.#kept.length > 0 && this.#kept[0]!.untilMs <= nowMs)
      this.#options.onGone(this.#kept.shift()!.index);
  }

  /** Everything up to this one is gone already. */
  lose(index: number): void {
    this.#kept = this.#kept.filter((kept) => kept.index > index);
    this.#listed = this.#listed.filter((segment) => segment.index > index);
    this.#durationMs = this.#listed.reduce((sum, { durationMs }) => sum + durationMs, 0);
    this.#dependent = this.#listed.filter(({ independent }) => !independent).length;
  }
}

export interface TimelineOptions {
  /** Of each segment of a round. */
  readonly seconds: readonly number[];
  /** Of the parts of each segment of a round; empty without parts. */
  readonly parts: readonly (readonly number[])[];
  /** `live`: a window slides for ever; `event`: nothing leaves; `vod`: one round, complete. */
  readonly type: 'live' | 'event' | 'vod';
  /** Segments listed: all the time (`live`), in the beginning (`event`). */
  readonly window: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** Segments by their place on the timeline, from `first` up to, not including, `end`, and complete parts of the one at `end`. */
export interface Listed {
  readonly first: number;
  readonly end: number;
  readonly parts: number;
}

/** What of an endless sequence of segments exists at a moment, and under which numbers. */
export class HlsTimeline {
  /** Added to a place to get the media sequence number. */
  offset = 0;
  readonly #options: TimelineOptions;
  readonly #roundSeconds: number;
  /** Where the timeline is at `#since`, in seconds. */
  #base: number;
  #since: number;
  #frozen: number | undefined;

  constructor(options: TimelineOptions) {
    this.#options = options;
    this.#roundSeconds = options.seconds.reduce((sum, one) => sum + one, 0);
    this.#since = options.now();
    this.#base = this.startOf(options.window);
  }

  get perRound(): number {
    return this.#options.seconds.length;
  }

  /** Seconds from the beginning to the start of a segment. */
  startOf(place: number): number {
    const { seconds } = this.#options;
    const before = seconds.slice(0, place % seconds.length).reduce((sum, one) => sum + one, 0);
    return Math.floor(place / seconds.length) * this.#roundSeconds + before;
  }

  listed(): Listed {
    const { type, window } = this.#options;
    if (type === 'vod') return { first: 0, end: this.perRound, parts: 0 };
    const position = this.#position();
    let end = Math.floor(position / this.#roundSeconds) * this.perRound;
    while (this.startOf(end + 1) <= position + 1e-6) end += 1;
    const lengths = this.#options.parts[end % this.perRound] ?? [];
    let [parts, at] = [0, this.startOf(end)];
    while (parts < lengths.length - 1 && at + lengths[parts]! <= position + 1e-6) at += lengths[parts++]!;
    return { first: type === 'event' ? 0 : Math.max(0, end - window), end, parts };
  }

  /** Ms until a segment (or that part of it) is complete; 0 when it is. */
  msUntil(place: number, part?: number): number {
    const lengths = this.#options.parts[place % this.perRound] ?? [];
    const due =
      part === undefined
        ? this.startOf(place + 1)
        : this.startOf(place) + lengths.slice(0, part + 1).reduce((sum, one) => sum + one, 0);
    return Math.max(0, (due - this.#position()) * 1_000);
  }

  /** Nothing new appears. Let go, it catches up at once. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen ? this.#position() : undefined;
  }

  /** As an encoder that is started again: one segment, numbers and times from 0. */
  restart(): void {
    this.offset = 0;
    this.#base = this.startOf(1);
    this.#since = this.#options.now();
    this.#frozen = undefined;
  }

  #position(): number {
    return this.#frozen ?? this.#base + (this.#options.now() - this.#since) / 1_000;
  }
}

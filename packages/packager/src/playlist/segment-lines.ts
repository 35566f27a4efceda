const LEAST_BYTES = 16 * 1024;

/**
 * The lines of a playlist's segments, one after another: added at the end, dropped at the beginning, so that a playlist of
 * thousands of segments is one copy and not thousands of pieces. Indexes follow on each other.
 */
export class SegmentLines {
  #buffer = Buffer.allocUnsafeSlow(LEAST_BYTES);
  #length = 0;
  /** Where each segment's lines begin; the first one's index is `#first`. */
  #starts: number[] = [];
  #first = 0;

  /** The index that `add` takes next. */
  get next(): number {
    return this.#first + this.#starts.length;
  }

  /** Nothing is there: the next index is this one. */
  restart(index: number): void {
    this.#starts = [];
    this.#length = 0;
    this.#first = index;
  }

  add(lines: string): void {
    const bytes = Buffer.byteLength(lines);
    if (this.#length + bytes > this.#buffer.length) this.#reserve(bytes);
    this.#starts.push(this.#length);
    this.#length += this.#buffer.write(lines, this.#length);
  }

  /** Those before this index are not wanted any more. */
  dropBefore(index: number): void {
    const count = Math.min(index - this.#first, this.#starts.length);
    // Seldom, so that it costs nothing: what is dropped is only as much again as what is there.
    if (count <= 0 || count * 2 < this.#starts.length) return;
    const from = this.#starts[count] ?? this.#length;
    this.#buffer.copyWithin(0, from, this.#length);
    this.#length -= from;
    this.#starts = this.#starts.slice(count).map((start) => start - from);
    this.#first += count;
  }

  /** From one index to before another. Valid until the next change. */
  between(from: number, to: number): Buffer {
    return this.#buffer.subarray(this.#startOf(from), this.#startOf(to));
  }

  #startOf(index: number): number {
    return this.#starts[index - this.#first] ?? this.#length;
  }

  #reserve(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

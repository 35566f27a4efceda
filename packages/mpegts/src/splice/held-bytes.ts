/** A queue of bytes with absolute offsets, from which the oldest are dropped. Copies what it is given. */
export class HeldBytes {
  readonly #runs: Buffer[] = [];
  #start = 0;
  #length = 0;

  /** Absolute offset of the first byte held. */
  get start(): number {
    return this.#start;
  }

  get length(): number {
    return this.#length;
  }

  append(run: Buffer): void {
    this.#runs.push(Buffer.from(run));
    this.#length += run.length;
  }

  /** Forgets everything before `offset`. */
  dropBefore(offset: number): void {
    let surplus = Math.min(offset - this.#start, this.#length);
    while (surplus > 0) {
      const first = this.#runs[0]!;
      const dropped = Math.min(surplus, first.length);
      if (dropped === first.length) this.#runs.shift();
      else this.#runs[0] = first.subarray(dropped);
      this.#start += dropped;
      this.#length -= dropped;
      surplus -= dropped;
    }
  }

  /** Everything held, as one buffer; nothing is held afterwards. */
  release(): Buffer {
    const all = this.#runs.length === 1 ? this.#runs[0]! : Buffer.concat(this.#runs);
    this.#runs.length = 0;
    this.#start += this.#length;
    this.#length = 0;
    return all;
  }
}

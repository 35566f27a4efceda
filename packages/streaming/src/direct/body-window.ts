import type { StreampoolError } from '@streampool/errors';
import type { BodySink, RetainedChunk } from '@streampool/upstream';

/** Passes on a part of a body: leaves out its first `skip` bytes, and ends after `length` more (if that is given). */
export class BodyWindow implements BodySink {
  readonly #sink: BodySink;
  readonly #onFull: () => void;
  #skip: number;
  #left: number;
  #ended = false;

  /** `onFull` is called when the rest of the body is not wanted any more. */
  constructor(sink: BodySink, skip: number, length: number | undefined, onFull: () => void) {
    this.#sink = sink;
    this.#skip = skip;
    this.#left = length ?? Number.POSITIVE_INFINITY;
    this.#onFull = onFull;
  }

  /** Bytes that were promised and have not come. Infinite for a body without a length. */
  get missing(): number {
    return this.#left;
  }

  data(chunk: Buffer, retain: () => RetainedChunk): void {
    if (this.#ended) return;
    const from = Math.min(this.#skip, chunk.length);
    this.#skip -= from;
    const to = Math.min(chunk.length, from + this.#left);
    this.#left -= to - from;
    if (from === 0 && to === chunk.length) this.#sink.data(chunk, retain);
    else if (to > from) {
      this.#sink.data(chunk.subarray(from, to), () => {
        const held = retain();
        return { bytes: held.bytes.subarray(from, to), release: () => held.release() };
      });
    }
    if (this.#left === 0) {
      this.end();
      this.#onFull();
    }
  }

  end(error?: StreampoolError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink.end(error);
  }
}

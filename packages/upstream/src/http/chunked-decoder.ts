import { StreampoolError } from '@streampool/errors';
import type { BodyFraming } from './body-framing.ts';

const LF = 0x0a;
const MAX_LINE = 8 * 1024;
const MAX_TRAILERS = 64 * 1024;

/**
 * Takes the chunked transfer coding off (RFC 9112 §7.1). The chunks of one read are moved together inside the read
 * buffer, so that whoever comes next sees one piece: a write per 4 KB chunk costs far more than the move.
 */
export class ChunkedDecoder implements BodyFraming {
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  /** Bytes left of the current chunk. */
  #left = 0;
  /** A line cut by the end of a read. */
  #line = '';
  #trailerBytes = 0;

  get complete(): boolean {
    return this.#state === 'done';
  }

  accept(chunk: Buffer): Buffer {
    let read = 0;
    let first = -1;
    let write = 0;
    while (read < chunk.length && this.#state !== 'done') {
      if (this.#state !== 'data') {
        const end = chunk.indexOf(LF, read);
        const line = chunk.toString('latin1', read, end < 0 ? chunk.length : end);
        read = end < 0 ? chunk.length : end + 1;
        if (this.#line.length + line.length > MAX_LINE) throw broken('a chunk header that never ends');
        this.#line += line;
        if (end >= 0) this.#endLine();
        continue;
      }
      const length = Math.min(this.#left, chunk.length - read);
      if (first < 0) {
        first = read;
        write = read + length;
      } else {
        chunk.copyWithin(write, read, read + length);
        write += length;
      }
      read += length;
      this.#left -= length;
      if (this.#left === 0) this.#state = 'data-end';
    }
    return first < 0 ? chunk.subarray(0, 0) : chunk.subarray(first, write);
  }

  finish(): StreampoolError {
    return new StreampoolError(
      'UPSTREAM_CUT',
      'The provider closed the connection in the middle of a chunked body',
    );
  }

  #endLine(): void {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    if (this.#state === 'data-end') {
      if (line !== '') throw broken('a chunk that is longer than it said');
      this.#state = 'size';
    } else if (this.#state === 'size') {
      const size = /^[ \t]*([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw broken('a chunk without a size');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MAX_TRAILERS) throw broken('endless trailers');
      if (line === '') this.#state = 'done';
    }
  }
}

function broken(what: string): StreampoolError {
  return new StreampoolError('UPSTREAM_CUT', `The provider broke off its chunked body with ${what}`);
}

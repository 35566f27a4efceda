import { StreampoolError } from '@streampool/errors';
import { ChunkedDecoder } from './chunked-decoder.ts';
import type { ResponseHead } from './response-head.ts';

/** Finds the end of a body on the wire (RFC 9112 §6.3). */
export interface BodyFraming {
  /** The body will bring this many bytes, if that is known. */
  readonly length?: number;
  readonly complete: boolean;
  /**
   * The payload within these bytes, without a copy; what follows the body is dropped.
   * @throws StreampoolError UPSTREAM_CUT when the framing is broken
   */
  accept(chunk: Buffer): Buffer;
  /** What the end of the connection means before `complete`: nothing, or that something is missing. */
  finish(): StreampoolError | undefined;
}

/** 1 PB: more than any file has. */
const LARGEST_BODY = 2 ** 50;

/** @throws StreampoolError UPSTREAM_PROTOCOL for a Content-Length that is no number */
export function bodyFraming(method: string, head: ResponseHead): BodyFraming {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return new SizedBody(0);
  const coding = head.headers['transfer-encoding']?.toLowerCase();
  if (coding?.split(',').at(-1)?.trim() === 'chunked') return new ChunkedDecoder();
  const length = head.headers['content-length'];
  if (length === undefined || coding !== undefined) return new EndlessBody();
  if (!/^\d+$/.test(length) && length !== '-1') {
    throw new StreampoolError('UPSTREAM_PROTOCOL', 'The provider sent a Content-Length that is no number');
  }
  // Live servers that feel obliged to name a length name -1 or an absurd one.
  const bytes = Number(length);
  return bytes >= 0 && bytes <= LARGEST_BODY ? new SizedBody(bytes) : new EndlessBody();
}

/** Ends when the connection does. */
class EndlessBody implements BodyFraming {
  readonly complete = false;

  accept(chunk: Buffer): Buffer {
    return chunk;
  }

  finish(): undefined {
    return undefined;
  }
}

/** A body of known length. */
class SizedBody implements BodyFraming {
  readonly length: number;
  #left: number;

  constructor(length: number) {
    this.length = length;
    this.#left = length;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  accept(chunk: Buffer): Buffer {
    const payload = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    this.#left -= payload.length;
    return payload;
  }

  finish(): StreampoolError {
    return new StreampoolError(
      'UPSTREAM_CUT',
      `The provider closed the connection ${this.#left} bytes early`,
      {
        info: { missingBytes: this.#left },
      },
    );
  }
}

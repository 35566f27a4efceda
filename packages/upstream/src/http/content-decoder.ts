import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type Zlib,
} from 'node:zlib';
import { StreampoolError } from '@streampool/errors';
import { ownChunk } from '../socket/buffer-pool.ts';
import type { BodySink } from '../types.ts';

/** What the decoder may do with the connection that feeds it. */
export interface DecoderSource {
  pause(): void;
  resume(): void;
}

/** Content codings that can be taken off; anything else is passed on as it is. */
const CODINGS = new Set(['gzip', 'x-gzip', 'deflate', 'br']);

/** The coding to take off, or undefined for a body that is to be passed on untouched. */
export function contentCoding(headers: Readonly<Record<string, string>>): string | undefined {
  const coding = headers['content-encoding']?.trim().toLowerCase();
  return coding !== undefined && CODINGS.has(coding) ? coding : undefined;
}

/**
 * Takes the content coding off a body (RFC 9110 §8.4). Providers are asked not to compress, but some do so regardless.
 * Held back from both sides: a paused consumer stops the decoder, a full decoder stops the connection.
 */
export class ContentDecoder implements BodySink {
  readonly #coding: string;
  readonly #sink: BodySink;
  readonly #source: DecoderSource;
  #stream: (Transform & Zlib) | undefined;
  #paused = false;
  #over = false;

  constructor(coding: string, sink: BodySink, source: DecoderSource) {
    this.#coding = coding;
    this.#sink = sink;
    this.#source = source;
  }

  data(chunk: Buffer): void {
    this.#stream ??= this.#open(chunk);
    if (!this.#stream.write(Buffer.from(chunk))) this.#source.pause();
  }

  end(error?: StreampoolError): void {
    const stream = this.#stream;
    if (stream) {
      stream.once('end', () => this.#finish(error));
      stream.end();
    } else this.#finish(error);
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  close(): void {
    this.#over = true;
    this.#stream?.destroy();
  }

  #open(start: Buffer): Transform & Zlib {
    const stream = createDecompressor(this.#coding, start);
    stream.on('data', (bytes: Buffer) => {
      if (!this.#over) this.#sink.data(bytes, () => ownChunk(bytes));
    });
    stream.on('drain', () => this.#source.resume());
    stream.on('error', (cause) => {
      this.#finish(
        new StreampoolError('UPSTREAM_CUT', `The provider's ${this.#coding} body is damaged`, { cause }),
      );
    });
    if (this.#paused) stream.pause();
    return stream;
  }

  #finish(error?: StreampoolError): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream?.destroy();
    this.#sink.end(error);
  }
}

/** `start`: the first bytes of the coded body. */
export function createDecompressor(coding: string, start: Buffer): Transform & Zlib {
  // With a flush at the end, what arrived of a body that was cut is still decoded; the cut itself is reported by the framing.
  const finishFlush = constants.Z_SYNC_FLUSH;
  if (coding === 'br') return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
  if (coding !== 'deflate') return createGunzip({ finishFlush });
  // RFC 9110 means zlib (RFC 1950), yet many servers send the bare format (RFC 1951), which never starts like a zlib header.
  const zlib = start.length > 0 && (start[0]! & 0x0f) === 8;
  return zlib ? createInflate({ finishFlush }) : createInflateRaw({ finishFlush });
}

import type { Socket } from 'node:net';
import type { StreampoolError } from '@streampool/errors';
import type { BodySink, RetainedChunk, UpstreamResponse } from '../types.ts';

/**
 * Writes a body to a socket at the pace at which the socket takes it, without copying and with at most one chunk
 * in flight: while the kernel has not taken a chunk whole, the provider's connection is not read.
 * The socket must be bare, that is with its response head written and nobody else writing.
 */
export class SocketPump implements BodySink {
  readonly #socket: Socket;
  readonly #source: Pick<UpstreamResponse, 'pause' | 'resume'>;
  readonly #onEnd: (error?: StreampoolError) => void;
  #held: RetainedChunk | undefined;
  #ended: { error?: StreampoolError } | undefined;
  #bytes = 0;
  #progressAt = Date.now();

  /** `onEnd` is called once the body has ended and everything was handed to the kernel; the socket is left open. */
  constructor(
    socket: Socket,
    source: Pick<UpstreamResponse, 'pause' | 'resume'>,
    onEnd: (error?: StreampoolError) => void,
  ) {
    this.#socket = socket;
    this.#source = source;
    this.#onEnd = onEnd;
  }

  /** Bytes given to the socket. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the kernel last took a chunk, in ms since the epoch. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** A chunk is waiting for the socket. */
  get blocked(): boolean {
    return this.#held !== undefined;
  }

  data(chunk: Buffer, retain: () => RetainedChunk): void {
    const held = retain();
    this.#bytes += chunk.length;
    this.#held = held;
    this.#socket.write(held.bytes, this.#onWritten);
    // Usually the kernel takes all of it at once; then the memory is free before the next read.
    if (this.#socket.writableLength === 0) this.#taken();
    else this.#source.pause();
  }

  end(error?: StreampoolError): void {
    this.#ended = error ? { error } : {};
    if (!this.#held) this.#onEnd(error);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (!this.#held || this.#socket.writableLength > 0) return;
    this.#taken();
    if (error || this.#socket.destroyed) return;
    if (this.#ended) this.#onEnd(this.#ended.error);
    else this.#source.resume();
  };

  #taken(): void {
    this.#progressAt = Date.now();
    this.#held?.release();
    this.#held = undefined;
  }
}

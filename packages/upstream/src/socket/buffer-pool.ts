import type { RetainedChunk } from '../types.ts';

/**
 * Equal-sized buffers that are used again and again, so that the memory stays warm in the cache and costs no page faults.
 * At most `maxSpare` idle ones are kept; the rest goes to the garbage collector.
 */
export class BufferPool {
  readonly size: number;
  readonly #maxSpare: number;
  readonly #spare: Buffer[] = [];

  constructor(size: number, maxSpare: number) {
    this.size = size;
    this.#maxSpare = maxSpare;
  }

  get spare(): number {
    return this.#spare.length;
  }

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(buffer: Buffer): void {
    if (this.#spare.length < this.#maxSpare) this.#spare.push(buffer);
  }
}

/** A piece of a pooled buffer, given back when it is released. */
export class PooledChunk implements RetainedChunk {
  readonly bytes: Buffer;
  readonly #pool: BufferPool;
  #slab: Buffer | undefined;

  constructor(bytes: Buffer, slab: Buffer, pool: BufferPool) {
    this.bytes = bytes;
    this.#slab = slab;
    this.#pool = pool;
  }

  release(): void {
    const slab = this.#slab;
    if (!slab) return;
    this.#slab = undefined;
    this.#pool.give(slab);
  }
}

/** Bytes that already belong to whoever holds them. */
export function ownChunk(bytes: Buffer): RetainedChunk {
  return { bytes, release: () => {} };
}

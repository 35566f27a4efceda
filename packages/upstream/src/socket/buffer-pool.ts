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
  readonly #owner: { give(slab: Buffer): void };
  #slab: Buffer | undefined;

  constructor(bytes: Buffer, slab: Buffer, owner: { give(slab: Buffer): void }) {
    this.bytes = bytes;
    this.#slab = slab;
    this.#owner = owner;
  }

  release(): void {
    const slab = this.#slab;
    if (!slab) return;
    this.#slab = undefined;
    this.#owner.give(slab);
  }
}

/** Bytes that already belong to whoever holds them. */
export function ownChunk(bytes: Buffer): RetainedChunk {
  return { bytes, release: () => {} };
}

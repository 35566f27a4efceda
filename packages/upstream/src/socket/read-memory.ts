import type { RetainedChunk } from '../types.ts';
import { BufferPool, PooledChunk } from './buffer-pool.ts';

/** How much one read may bring. Node's own streams stop at 64 KB, which costs three times the CPU per byte. */
export const READ_BYTES = 256 * 1024;

/**
 * A read of at least this many bytes that its sink retains gives the connection a buffer of its own. More than what a live
 * source brings between two paced reads: each on its own cold buffer, 500 live viewers cost a third more CPU and 64 KB more each.
 */
const LARGE_READ = 128 * 1024;
const SMALL_READ = 64 * 1024;

/** When this much is held by slow sinks, reads become small, so that each further slow sink holds less. */
const RELAXED_BYTES = 32 * 1024 * 1024;

/** The memory that all connections of one client read into. */
export class ReadMemory {
  readonly #scratch = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #smallScratch = this.#scratch.subarray(0, SMALL_READ);
  readonly #pools = [
    new BufferPool(SMALL_READ, 64),
    new BufferPool(LARGE_READ, 16),
    new BufferPool(READ_BYTES, 32),
  ] as const;
  #heldBytes = 0;

  /** Bytes of memory that sinks hold, or that connections keep for their next read. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get tight(): boolean {
    return this.#heldBytes > RELAXED_BYTES;
  }

  /** The buffer that connections share. */
  get scratch(): Buffer {
    return this.tight ? this.#smallScratch : this.#scratch;
  }

  /** A buffer of the smallest size that takes `bytes`. */
  take(bytes: number): Buffer {
    const slab = this.#poolFor(bytes).take();
    this.#heldBytes += slab.length;
    return slab;
  }

  give(slab: Buffer): void {
    this.#heldBytes -= slab.length;
    this.#poolFor(slab.length).give(slab);
  }

  #poolFor(bytes: number): BufferPool {
    return this.#pools.find((pool) => pool.size >= bytes) ?? this.#pools[2];
  }
}

/**
 * Chooses the buffer of a connection's next read. Normally that is the shared scratch buffer, so that an idle or
 * live connection costs no memory and the bytes stay in the processor's cache. libuv reads into the memory that
 * was named after the previous read, so shared memory can never be given away: retaining it copies. A connection
 * whose sink retains large reads (pass-through of a fast source) therefore gets buffers of its own, given away uncopied.
 */
export class ReadBuffer {
  readonly #memory: ReadMemory;
  #own: Buffer | undefined;
  #chunk: Buffer | undefined;
  #retained = false;
  #lastRead = 0;

  constructor(memory: ReadMemory) {
    this.#memory = memory;
  }

  /** The bytes just read, as they lie in the buffer. `chunk` is what `retain` will keep. */
  offer(chunk: Buffer, readBytes: number): void {
    this.#chunk = chunk;
    this.#lastRead = readBytes;
  }

  /** Keeps the offered chunk beyond the current call. */
  readonly retain = (): RetainedChunk => {
    const chunk = this.#chunk;
    if (!chunk) throw new Error('retain() is only valid once, while data() runs');
    this.#chunk = undefined;
    this.#retained = true;
    const own = this.#own;
    if (own) {
      this.#own = undefined;
      return new PooledChunk(chunk, own, this.#memory);
    }
    const slab = this.#memory.take(chunk.length);
    chunk.copy(slab);
    return new PooledChunk(slab.subarray(0, chunk.length), slab, this.#memory);
  };

  /** The buffer for the next read. Called after each read. */
  next(): Buffer {
    const fast = this.#retained && this.#lastRead >= LARGE_READ && !this.#memory.tight;
    this.#chunk = undefined;
    this.#retained = false;
    if (!fast) {
      this.dispose();
      return this.#memory.scratch;
    }
    this.#own ??= this.#memory.take(READ_BYTES);
    return this.#own;
  }

  /** Gives back the connection's own buffer. Call it once nothing can be read into it any more. */
  dispose(): void {
    if (this.#own) this.#memory.give(this.#own);
    this.#own = undefined;
  }
}

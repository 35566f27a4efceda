import type { AccessPoint } from '@streampool/mpegts';

const PACKET = 188;

/** 1,024 packets: a quarter of a second at 6 Mbit/s, so that most deliveries are one slice of one block. */
export const BLOCK_BYTES = 1024 * PACKET;

export interface RingOptions {
  /** The most bytes kept for viewers. */
  readonly budgetBytes: number;
  /** How long bytes are kept for slow viewers, in ms, as far as the budget allows. The newest access point is kept longer. */
  readonly retainMs: number;
  /** Called after each append, with the new `head`. */
  readonly onAppend?: (head: number, nowMs: number) => void;
}

/** A stretch of the ring's memory. Filled once, read by slices, recycled when nobody holds it. */
export interface Block {
  readonly buffer: Buffer;
  /** Absolute offset of its first byte. */
  start: number;
  length: number;
  /** Socket writes the kernel has not taken yet and that point into this memory. */
  pins: number;
  /** True once it has left the ring while pinned. */
  evicted: boolean;
  lastWriteMs: number;
}

/**
 * A byte-budgeted log of whole TS packets with absolute offsets and an index of access points.
 *
 * Viewers are cursors (offsets); nothing is queued or copied for them. A slice handed to a socket points into a block,
 * so a block whose slices are still being written is never recycled: when the ring moves on it is left to the
 * garbage collector (`straggling` counts such memory, so that its owner can drop the viewers that cause it).
 */
export class Ring {
  readonly #options: RingOptions;
  readonly #blocks: Block[] = [];
  readonly #spare: Buffer[] = [];
  #accessPoints: AccessPoint[] = [];
  #head = 0;
  #straggling: Set<Block> = new Set();
  #slice: Buffer | undefined;
  #sliceFrom = -1;
  #sliceTo = -1;

  constructor(options: RingOptions) {
    this.#options = options;
  }

  /** Absolute offset after the newest byte. */
  get head(): number {
    return this.#head;
  }

  /** Absolute offset of the oldest byte that is still here. */
  get tail(): number {
    return this.#blocks[0]?.start ?? this.#head;
  }

  /** Bytes of memory held: in the ring, spare, and pinned by slow sockets. */
  get memoryBytes(): number {
    return (this.#blocks.length + this.#spare.length + this.#straggling.size) * BLOCK_BYTES;
  }

  /** Bytes of blocks that have left the ring but are still being written to some socket. */
  get stragglingBytes(): number {
    return this.#straggling.size * BLOCK_BYTES;
  }

  /** The longest-evicted block that is still pinned. */
  get oldestStraggler(): Block | undefined {
    return this.#straggling.values().next().value;
  }

  get budgetBytes(): number {
    return this.#options.budgetBytes;
  }

  /** Appends whole packets. They are copied: the caller may reuse `packets`. `nowMs` is monotonic. */
  append(packets: Buffer, nowMs: number): void {
    if (packets.length % PACKET !== 0) throw new RangeError(`${packets.length} bytes are not whole packets`);
    let from = 0;
    while (from < packets.length) {
      let block = this.#blocks.at(-1);
      if (block === undefined || block.length === BLOCK_BYTES) {
        this.#evict(nowMs);
        block = this.#grow(nowMs);
      }
      const to = Math.min(packets.length, from + BLOCK_BYTES - block.length);
      packets.copy(block.buffer, block.length, from, to);
      block.length += to - from;
      block.lastWriteMs = nowMs;
      this.#head += to - from;
      from = to;
    }
    this.#options.onAppend?.(this.#head, nowMs);
  }

  /** Notes a place where a viewer can start. Offsets must grow; points that have already left the ring are ignored. */
  addAccessPoint(point: AccessPoint): void {
    if (point.offset >= this.tail) this.#accessPoints.push(point);
  }

  /** Forgets all access points: what follows cannot be joined from what came before (a new program). */
  clearAccessPoints(): void {
    this.#accessPoints = [];
  }

  newestAccessPoint(): AccessPoint | undefined {
    const point = this.#accessPoints.at(-1);
    return point !== undefined && point.offset >= this.tail ? point : undefined;
  }

  /** Those that are still here, in order. */
  accessPoints(): readonly AccessPoint[] {
    const { tail } = this;
    return this.#accessPoints.filter(({ offset }) => offset >= tail);
  }

  /** The block that holds `offset`, or undefined where the ring does not (any more, or yet). */
  blockAt(offset: number): Block | undefined {
    const first = this.#blocks[0];
    if (first === undefined || offset < first.start || offset >= this.#head) return undefined;
    // All blocks but the newest are full, so position is arithmetic.
    return this.#blocks[Math.floor((offset - first.start) / BLOCK_BYTES)];
  }

  /**
   * The bytes from `offset` to the end of its block, `limit` at the most. Viewers that are equally far share one view,
   * because at a thousand viewers even the view objects would be felt.
   */
  sliceOf(block: Block, offset: number, limit: number): Buffer {
    const to = Math.min(block.start + block.length, offset + limit);
    if (this.#slice === undefined || this.#sliceFrom !== offset || this.#sliceTo !== to) {
      this.#slice = block.buffer.subarray(offset - block.start, to - block.start);
      this.#sliceFrom = offset;
      this.#sliceTo = to;
    }
    return this.#slice;
  }

  pin(block: Block): void {
    block.pins += 1;
  }

  unpin(block: Block): void {
    block.pins -= 1;
    if (block.pins === 0 && block.evicted) this.#straggling.delete(block);
  }

  #evict(nowMs: number): void {
    const newest = this.#accessPoints.at(-1);
    const maxBlocks = Math.max(2, Math.floor(this.#options.budgetBytes / BLOCK_BYTES));
    for (;;) {
      const oldest = this.#blocks[0];
      if (oldest === undefined) break;
      const end = oldest.start + oldest.length;
      const overBudget = this.#blocks.length >= maxBlocks;
      const expired =
        nowMs - oldest.lastWriteMs > this.#options.retainMs && (newest === undefined || end <= newest.offset);
      if (!overBudget && !expired) break;
      this.#blocks.shift();
      if (oldest.pins > 0) {
        oldest.evicted = true;
        this.#straggling.add(oldest);
      } else if (this.#spare.length < 2) this.#spare.push(oldest.buffer);
    }
    const tail = this.#blocks[0]?.start ?? this.#head;
    let gone = 0;
    while (gone < this.#accessPoints.length && this.#accessPoints[gone]!.offset < tail) gone += 1;
    if (gone > 0) this.#accessPoints.splice(0, gone);
  }

  #grow(nowMs: number): Block {
    // A view cached for a recycled buffer would show new bytes under an old offset.
    this.#slice = undefined;
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const block: Block = {
      buffer,
      start: this.#head,
      length: 0,
      pins: 0,
      evicted: false,
      lastWriteMs: nowMs,
    };
    this.#blocks.push(block);
    return block;
  }
}

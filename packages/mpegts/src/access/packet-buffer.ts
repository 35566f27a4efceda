import { PACKET_SIZE } from '../packet.ts';

const FIRST_BYTES = 64 * PACKET_SIZE;

/** Packets copied out of runs, one behind the other, up to a budget. Memory is taken when the first one comes. */
export class PacketBuffer {
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Copies the packet at `at` of `run`. False if the budget is used up: it was not taken. */
  append(run: Buffer, at: number): boolean {
    if (this.#length + PACKET_SIZE > this.#maxBytes) return false;
    if (this.#length + PACKET_SIZE > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#length += run.copy(this.#bytes, this.#length, at, at + PACKET_SIZE);
    return true;
  }

  clear(): void {
    this.#length = 0;
  }

  /** What was collected; the buffer is empty afterwards and keeps no hold of it. */
  release(): Buffer {
    const packets = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return packets;
  }
}

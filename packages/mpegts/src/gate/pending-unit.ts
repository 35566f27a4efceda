import { hasPayload, PACKET_SIZE, payloadStart } from '../packet.ts';

/** Bytes of a PES packet before those that its length counts: start code, stream id, length. */
const UNCOUNTED_BYTES = 6;

/** The PES packet of one PID that is being collected. Its memory is used again for the next. */
export class PendingUnit {
  #packets: Buffer = Buffer.allocUnsafeSlow(64 * PACKET_SIZE);
  #length = 0;
  #payloadBytes = 0;
  /** Payload bytes that make it complete; unknown until its length has been read, and for video without one. */
  #wantedBytes = Number.POSITIVE_INFINITY;
  /** False once it has been let through: the rest of it, if any, passes. */
  isHeld = false;
  /** Monotonic ms when it began. */
  sinceMs = 0;

  get length(): number {
    return this.#length;
  }

  get packets(): Buffer {
    return this.#packets.subarray(0, this.#length);
  }

  get isComplete(): boolean {
    return this.#payloadBytes >= this.#wantedBytes;
  }

  begin(nowMs: number): void {
    this.#length = 0;
    this.#payloadBytes = 0;
    this.#wantedBytes = Number.POSITIVE_INFINITY;
    this.isHeld = true;
    this.sinceMs = nowMs;
  }

  /** Takes the packet at `at` of `run`. */
  append(run: Buffer, at: number): void {
    if (this.#length + PACKET_SIZE > this.#packets.length) {
      const grown = Buffer.allocUnsafeSlow(2 * this.#packets.length);
      this.#packets.copy(grown, 0, 0, this.#length);
      this.#packets = grown;
    }
    run.copy(this.#packets, this.#length, at, at + PACKET_SIZE);
    if (hasPayload(run, at)) {
      const payload = payloadStart(run, at);
      const bytes = at + PACKET_SIZE - payload;
      if (this.#payloadBytes === 0 && bytes >= UNCOUNTED_BYTES) {
        const counted = run.readUInt16BE(payload + 4);
        if (counted > 0) this.#wantedBytes = counted + UNCOUNTED_BYTES;
      }
      this.#payloadBytes += bytes;
    }
    this.#length += PACKET_SIZE;
  }

  letThrough(): void {
    this.#length = 0;
    this.isHeld = false;
  }
}

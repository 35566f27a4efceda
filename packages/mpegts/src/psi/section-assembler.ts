import {
  adaptationFlags,
  continuityOf,
  DISCONTINUITY_FLAG,
  hasPayload,
  hasTransportError,
  isScrambled,
  PACKET_SIZE,
  payloadStart,
  startsUnit,
} from '../packet.ts';

/** A private_section may have 4096 bytes (§2.4.4.11), PAT and PMT sections 1024. */
const LONGEST_SECTION = 4096;
const HEADER_SIZE = 3;

/**
 * Puts together the sections that the packets of one PID carry (ISO/IEC 13818-1 §2.4.4): several in a packet, or one
 * over many packets. A section with a lost packet in it is dropped. CRCs are the caller's business.
 */
export class SectionAssembler {
  /** Continuity counter of the last packet, -1 before the first. */
  lastContinuity = -1;
  readonly #section = Buffer.alloc(LONGEST_SECTION + PACKET_SIZE);
  #length = 0;
  #collecting = false;
  readonly #onSection: (section: Buffer) => void;

  /** `onSection` gets each complete section, in memory that is overwritten later. */
  constructor(onSection: (section: Buffer) => void) {
    this.#onSection = onSection;
  }

  /** Takes the packet at `at`, which must be of this PID. */
  push(data: Buffer, at: number): void {
    if (hasTransportError(data, at) || isScrambled(data, at) || !hasPayload(data, at)) return;
    const counter = continuityOf(data, at);
    const last = this.lastContinuity;
    const announced = (adaptationFlags(data, at) & DISCONTINUITY_FLAG) !== 0;
    this.lastContinuity = counter;
    if (counter === last && !announced && !startsUnit(data, at)) return; // a duplicate packet
    if (last >= 0 && counter !== ((last + 1) & 15)) this.#collecting = false;

    let from = payloadStart(data, at);
    const end = at + PACKET_SIZE;
    if (from >= end) return;
    if (startsUnit(data, at)) {
      const pointer = data[from]!;
      from += 1;
      if (from + pointer > end) {
        this.#collecting = false;
        return;
      }
      if (this.#collecting) this.#append(data, from, from + pointer);
      from += pointer;
      this.#collecting = true;
      this.#length = 0;
    }
    if (this.#collecting) this.#append(data, from, end);
  }

  #append(data: Buffer, from: number, end: number): void {
    this.#length += data.copy(this.#section, this.#length, from, end);
    while (this.#length > 0) {
      if (this.#section[0] === 0xff) break; // stuffing: nothing more until the next unit start
      if (this.#length < HEADER_SIZE) return;
      const size = HEADER_SIZE + (this.#section.readUInt16BE(1) & 0x0fff);
      if (size > LONGEST_SECTION) break;
      if (this.#length < size) return;
      this.#onSection(this.#section.subarray(0, size));
      this.#section.copyWithin(0, size, this.#length);
      this.#length -= size;
    }
    this.#collecting = false;
    this.#length = 0;
  }
}

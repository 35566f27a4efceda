/** Reads bits of a NAL unit's payload, the first of each byte first. Beyond the end there are zeros. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Nothing that was read so far was beyond the end. */
  get isInside(): boolean {
    return this.#at <= 8 * this.#bytes.length;
  }

  /** So many bits as a number; 32 at the most. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#at >> 3] ?? 0;
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at++;
    }
    return value;
  }

  /** ue(v): ISO/IEC 14496-10 §9.1. */
  unsigned(): number {
    let zeros = 0;
    while (zeros < 32 && this.isInside && this.bits(1) === 0) zeros++;
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** se(v): ISO/IEC 14496-10 §9.1.1. */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** A NAL unit's bytes without those that keep start codes out of it (ISO/IEC 14496-10 §7.4.1.1). */
export function withoutEmulation(nal: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

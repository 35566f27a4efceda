/** PTS and DTS count 90 kHz ticks in 33 bits and wrap after 26.5 hours (ISO/IEC 13818-1 §2.4.3.7). */
export const TICKS_PER_SECOND = 90_000;
/** One past the largest 33-bit timestamp. */
export const TIMESTAMP_WRAP = 2 ** 33;
const HALF_WRAP = 2 ** 32;

/** `a - b` in ticks, taking the shorter way round the 33-bit circle: from -2^32 to 2^32 - 1. */
export function tickDifference(a: number, b: number): number {
  const difference = (((a - b) % TIMESTAMP_WRAP) + TIMESTAMP_WRAP) % TIMESTAMP_WRAP;
  return difference >= HALF_WRAP ? difference - TIMESTAMP_WRAP : difference;
}

/** A timestamp moved by `ticks` (any sign), in 33 bits. */
export function addTicks(timestamp: number, ticks: number): number {
  return (((timestamp + ticks) % TIMESTAMP_WRAP) + TIMESTAMP_WRAP) % TIMESTAMP_WRAP;
}

/** Reads the five bytes of a PTS or DTS at `at` (§2.4.3.6); marker bits are not checked. */
export function readTimestamp(data: Uint8Array, at: number): number {
  // Multiplications, not shifts: the value has 33 bits.
  return (
    ((data[at]! >> 1) & 0x07) * 2 ** 30 +
    data[at + 1]! * 2 ** 22 +
    (data[at + 2]! >> 1) * 2 ** 15 +
    data[at + 3]! * 2 ** 7 +
    (data[at + 4]! >> 1)
  );
}

/** Overwrites a PTS or DTS at `at`, keeping the four prefix bits that are there. */
export function writeTimestamp(data: Uint8Array, at: number, timestamp: number): void {
  data[at] = (data[at]! & 0xf0) | (Math.floor(timestamp / 2 ** 30) << 1) | 1;
  data[at + 1] = Math.floor(timestamp / 2 ** 22) & 0xff;
  data[at + 2] = ((Math.floor(timestamp / 2 ** 15) & 0x7f) << 1) | 1;
  data[at + 3] = Math.floor(timestamp / 2 ** 7) & 0xff;
  data[at + 4] = ((timestamp & 0x7f) << 1) | 1;
}

/** The 33-bit base (90 kHz) of a PCR or OPCR at `at` (§2.4.3.5). */
export function readClockBase(data: Uint8Array, at: number): number {
  return (
    data[at]! * 2 ** 25 +
    data[at + 1]! * 2 ** 17 +
    data[at + 2]! * 2 ** 9 +
    data[at + 3]! * 2 +
    (data[at + 4]! >> 7)
  );
}

/** Overwrites the base of a PCR or OPCR at `at`, keeping its reserved bits and 27 MHz extension. */
export function writeClockBase(data: Uint8Array, at: number, base: number): void {
  data[at] = Math.floor(base / 2 ** 25) & 0xff;
  data[at + 1] = Math.floor(base / 2 ** 17) & 0xff;
  data[at + 2] = Math.floor(base / 2 ** 9) & 0xff;
  data[at + 3] = Math.floor(base / 2) & 0xff;
  data[at + 4] = (data[at + 4]! & 0x7f) | ((base & 1) << 7);
}

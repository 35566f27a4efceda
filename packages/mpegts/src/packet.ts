/** Bytes of a transport packet (ISO/IEC 13818-1 §2.4.3.2). */
export const PACKET_SIZE = 188;
export const SYNC_BYTE = 0x47;
export const PAT_PID = 0x0000;
export const NULL_PID = 0x1fff;
/** Number of PIDs there can be: tables indexed by PID have this length. */
export const PID_COUNT = 0x2000;

// The readers below take a buffer and the offset of a packet in it rather than a sub-buffer per packet:
// they run once per packet at several gigabytes per second, where an allocation each would dominate.

/** PID of the packet at `at`. */
export function pidOf(data: Uint8Array, at: number): number {
  return ((data[at + 1]! & 0x1f) << 8) | data[at + 2]!;
}

/** payload_unit_start_indicator: a PES packet or a section begins in this packet. */
export function startsUnit(data: Uint8Array, at: number): boolean {
  return (data[at + 1]! & 0x40) !== 0;
}

/** transport_error_indicator: a demodulator found the packet damaged. */
export function hasTransportError(data: Uint8Array, at: number): boolean {
  return (data[at + 1]! & 0x80) !== 0;
}

export function isScrambled(data: Uint8Array, at: number): boolean {
  return (data[at + 3]! & 0xc0) !== 0;
}

export function hasPayload(data: Uint8Array, at: number): boolean {
  return (data[at + 3]! & 0x10) !== 0;
}

export function continuityOf(data: Uint8Array, at: number): number {
  return data[at + 3]! & 0x0f;
}

export function setContinuity(data: Uint8Array, at: number, counter: number): void {
  data[at + 3] = (data[at + 3]! & 0xf0) | (counter & 0x0f);
}

export function setPid(data: Uint8Array, at: number, pid: number): void {
  data[at + 1] = (data[at + 1]! & 0xe0) | (pid >> 8);
  data[at + 2] = pid & 0xff;
}

/** Flags of the adaptation field (§2.4.3.5), 0 where there is none. */
export function adaptationFlags(data: Uint8Array, at: number): number {
  return (data[at + 3]! & 0x20) !== 0 && data[at + 4]! > 0 ? data[at + 5]! : 0;
}

export const DISCONTINUITY_FLAG = 0x80;
export const RANDOM_ACCESS_FLAG = 0x40;
export const PCR_FLAG = 0x10;
export const OPCR_FLAG = 0x08;

/**
 * Offset in `data` of the payload of the packet at `at`; the end of the packet if it has none,
 * or if its adaptation field claims to be longer than the packet.
 */
export function payloadStart(data: Uint8Array, at: number): number {
  const control = data[at + 3]! & 0x30;
  if (control === 0x10) return at + 4;
  if (control !== 0x30) return at + PACKET_SIZE;
  return Math.min(at + 5 + data[at + 4]!, at + PACKET_SIZE);
}

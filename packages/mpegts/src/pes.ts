import { hasPayload, isScrambled, PACKET_SIZE, payloadStart, startsUnit } from './packet.ts';
import { readTimestamp } from './timestamps.ts';

/** Where the timestamps of a PES header are: offsets in the buffer, -1 where there is none. */
export interface PesTimes {
  pts: number;
  dts: number;
}

/**
 * Finds PTS and DTS in the PES header (ISO/IEC 13818-1 §2.4.3.6) that starts in the packet at `at`; fills `into`
 * (an object the caller reuses) and returns true if there is at least a PTS within this packet.
 */
export function findPesTimes(data: Uint8Array, at: number, into: PesTimes): boolean {
  into.pts = -1;
  into.dts = -1;
  if (!startsUnit(data, at) || !hasPayload(data, at) || isScrambled(data, at)) return false;
  const pes = payloadStart(data, at);
  const end = at + PACKET_SIZE;
  if (pes + 14 > end || data[pes] !== 0 || data[pes + 1] !== 0 || data[pes + 2] !== 1) return false;
  if ((data[pes + 6]! & 0xc0) !== 0x80) return false; // stream ids without the optional header, or MPEG-1 systems
  const flags = data[pes + 7]! >> 6;
  if (flags < 2) return false;
  into.pts = pes + 9;
  if (flags === 3 && pes + 19 <= end) into.dts = pes + 14;
  return true;
}

const scratch: PesTimes = { pts: -1, dts: -1 };

/** The PTS of the PES packet that starts in the packet at `at`, in 90 kHz ticks. */
export function ptsOf(data: Uint8Array, at: number): number | undefined {
  return findPesTimes(data, at, scratch) ? readTimestamp(data, scratch.pts) : undefined;
}

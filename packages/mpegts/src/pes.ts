import { hasPayload, isScrambled, PACKET_SIZE, payloadStart, startsUnit } from './packet.ts';
import { readTimestamp } from './timestamps.ts';

/** Where the timestamps of a PES header are: offsets in the buffer, -1 where there is none. */
export interface PesTimes {
  pts: number;
  dts: number;
}

/**
 * Finds PTS and DTS in the PES header (ISO/IEC 13818-1 §2.4.3.6) that starts in the packet at `at`; fills `into`,
 * an object the caller reuses. `none`: no PES packet starts here, or one without timestamps, or scrambled.
 * `split`: the timestamps go on in the next packet (allowed, but no known multiplexer does it).
 */
export function findPesTimes(data: Uint8Array, at: number, into: PesTimes): 'found' | 'none' | 'split' {
  into.pts = -1;
  into.dts = -1;
  if (!startsUnit(data, at) || !hasPayload(data, at) || isScrambled(data, at)) return 'none';
  const pes = payloadStart(data, at);
  const end = at + PACKET_SIZE;
  if (pes + 3 > end || data[pes] !== 0 || data[pes + 1] !== 0 || data[pes + 2] !== 1) return 'none';
  if (pes + 9 > end) return 'split';
  if ((data[pes + 6]! & 0xc0) !== 0x80) return 'none'; // stream ids without the optional header, or MPEG-1 systems
  const flags = data[pes + 7]! >> 6;
  if (flags < 2) return 'none';
  if (pes + (flags === 3 ? 19 : 14) > end) return 'split';
  into.pts = pes + 9;
  if (flags === 3) into.dts = pes + 14;
  return 'found';
}

const scratch: PesTimes = { pts: -1, dts: -1 };

/** The PTS of the PES packet that starts in the packet at `at`, in 90 kHz ticks. */
export function ptsOf(data: Uint8Array, at: number): number | undefined {
  return findPesTimes(data, at, scratch) === 'found' ? readTimestamp(data, scratch.pts) : undefined;
}

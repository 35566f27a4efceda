import { PACKET_SIZE, PCR_FLAG, RANDOM_ACCESS_FLAG, SYNC_BYTE } from '../packet.ts';
import { writeClockBase } from '../timestamps.ts';

const PAYLOAD = PACKET_SIZE - 4;

/**
 * The packets that carry one PES packet (ISO/IEC 13818-1 §2.4.3.2), the last one stuffed in its adaptation field.
 * Continuity counters count up from `firstContinuity`.
 * @param randomAccess sets random_access_indicator on the first packet
 */
export function packetizePes(
  pid: number,
  pes: Uint8Array,
  firstContinuity: number,
  randomAccess = false,
): Buffer {
  const inFirst = PAYLOAD - (randomAccess ? 2 : 0);
  const count = 1 + Math.max(0, Math.ceil((pes.length - inFirst) / PAYLOAD));
  const packets = Buffer.alloc(count * PACKET_SIZE, 0xff);
  for (let i = 0, from = 0; i < count; i++) {
    const at = i * PACKET_SIZE;
    const flagged = i === 0 && randomAccess;
    const bytes = Math.min(pes.length - from, flagged ? inFirst : PAYLOAD);
    const field = PAYLOAD - bytes;
    packets[at] = SYNC_BYTE;
    packets[at + 1] = (i === 0 ? 0x40 : 0) | (pid >> 8);
    packets[at + 2] = pid & 0xff;
    packets[at + 3] = (field > 0 ? 0x30 : 0x10) | ((firstContinuity + i) & 0x0f);
    if (field > 0) packets[at + 4] = field - 1;
    if (field > 1) packets[at + 5] = flagged ? RANDOM_ACCESS_FLAG : 0;
    packets.set(pes.subarray(from, from + bytes), at + PACKET_SIZE - bytes);
    from += bytes;
  }
  return packets;
}

/**
 * A packet of a PCR alone (§2.4.3.4). It has no payload, so `continuity` is the counter of the packet before it.
 * @param base 90 kHz, 33 bits
 */
export function buildClockPacket(pid: number, continuity: number, base: number): Buffer {
  const packet = Buffer.alloc(PACKET_SIZE, 0xff);
  packet[0] = SYNC_BYTE;
  packet[1] = pid >> 8;
  packet[2] = pid & 0xff;
  packet[3] = 0x20 | (continuity & 0x0f);
  packet[4] = PACKET_SIZE - 5;
  packet[5] = PCR_FLAG;
  // Six reserved bits are ones; the extension counts 27 MHz ticks.
  packet.set([0, 0, 0, 0, 0x7e, 0], 6);
  writeClockBase(packet, 6, base);
  return packet;
}

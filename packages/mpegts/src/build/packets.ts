import { PACKET_SIZE, SYNC_BYTE } from '../packet.ts';

/** A packet of an adaptation field alone, with discontinuity_indicator set (ISO/IEC 13818-1 §2.4.3.5). */
export function buildDiscontinuityPacket(pid: number, continuity: number): Buffer {
  const packet = Buffer.alloc(PACKET_SIZE, 0xff);
  packet[0] = SYNC_BYTE;
  packet[1] = pid >> 8;
  packet[2] = pid & 0xff;
  packet[3] = 0x20 | (continuity & 0x0f);
  packet[4] = PACKET_SIZE - 5;
  packet[5] = 0x80;
  return packet;
}

/** A packet that goes on with a PES packet: `payload` (182 bytes at the most) behind stuffing. */
export function buildContinuationPacket(pid: number, continuity: number, payload: Buffer): Buffer {
  const packet = Buffer.alloc(PACKET_SIZE, 0xff);
  packet[0] = SYNC_BYTE;
  packet[1] = pid >> 8;
  packet[2] = pid & 0xff;
  packet[3] = 0x30 | (continuity & 0x0f);
  packet[4] = PACKET_SIZE - 5 - payload.length;
  packet[5] = 0;
  payload.copy(packet, PACKET_SIZE - payload.length);
  return packet;
}

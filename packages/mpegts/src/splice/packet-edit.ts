import {
  adaptationFlags,
  hasPayload,
  OPCR_FLAG,
  PACKET_SIZE,
  PCR_FLAG,
  payloadStart,
  startsUnit,
} from '../packet.ts';
import { crc32 } from '../psi/crc32.ts';
import { addTicks, readClockBase, writeClockBase } from '../timestamps.ts';

const PCR_BYTES = 6;

/** Moves PCR and OPCR of the packet at `at` by `ticks`. Returns the new PCR base, or undefined if there is none. */
export function shiftClocks(data: Buffer, at: number, ticks: number): number | undefined {
  const flags = adaptationFlags(data, at);
  let field = at + 6;
  let pcr: number | undefined;
  if ((flags & PCR_FLAG) !== 0) {
    pcr = addTicks(readClockBase(data, field), ticks);
    writeClockBase(data, field, pcr);
    field += PCR_BYTES;
  }
  if ((flags & OPCR_FLAG) !== 0) writeClockBase(data, field, addTicks(readClockBase(data, field), ticks));
  return pcr;
}

/** Takes the PCR out of the adaptation field of the packet at `at`; stuffing takes its room. */
export function stripPcr(data: Buffer, at: number): void {
  const end = at + 5 + data[at + 4]!;
  data[at + 5]! &= ~PCR_FLAG;
  data.copyWithin(at + 6, at + 6 + PCR_BYTES, end);
  data.fill(0xff, end - PCR_BYTES, end);
}

/** Makes the packet at `at`, which has an adaptation field, one without payload. */
export function stripPayload(data: Buffer, at: number): void {
  data.fill(0xff, at + 5 + data[at + 4]!, at + PACKET_SIZE);
  data[at + 1]! &= ~0x40;
  data[at + 3] = (data[at + 3]! & 0x0f) | 0x20;
  data[at + 4] = PACKET_SIZE - 5;
}

const SPLICE_INFO_TABLE = 0xfc;

/**
 * Moves the times of a splice_info_section (SCTE 35 §9.6) that lies whole in the packet at `at`, by its pts_adjustment,
 * which was made for this. Other packets are left alone.
 */
export function shiftSpliceInfo(data: Buffer, at: number, ticks: number): void {
  if (!startsUnit(data, at) || !hasPayload(data, at)) return;
  const packetEnd = at + PACKET_SIZE;
  const payload = payloadStart(data, at);
  if (payload >= packetEnd) return;
  const section = payload + 1 + data[payload]!;
  if (section + 14 > packetEnd || data[section] !== SPLICE_INFO_TABLE) return;
  const end = section + 3 + (data.readUInt16BE(section + 1) & 0x0fff);
  if (end > packetEnd || end - section < 18 || crc32(data, section, end) !== 0) return;
  const adjustment = addTicks((data[section + 4]! & 1) * 2 ** 32 + data.readUInt32BE(section + 5), ticks);
  data[section + 4] = (data[section + 4]! & 0xfe) | (adjustment >= 2 ** 32 ? 1 : 0);
  data.writeUInt32BE(adjustment % 2 ** 32, section + 5);
  data.writeUInt32BE(crc32(data, section, end - 4), end - 4);
}

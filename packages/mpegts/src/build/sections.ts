import { PACKET_SIZE, PAT_PID, SYNC_BYTE } from '../packet.ts';
import { crc32 } from '../psi/crc32.ts';
import type { ProgramMap } from '../types.ts';

/** A PAT section (ISO/IEC 13818-1 §2.4.4.3) that names only this program. */
export function buildPatSection(map: ProgramMap, version = 0): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt16BE(map.programNumber, 0);
  body.writeUInt16BE(0xe000 | map.pmtPid, 2);
  return buildSection(0x00, map.transportStreamId, version, body);
}

/** The program map as a section (§2.4.4.8). */
export function buildPmtSection(map: ProgramMap): Buffer {
  const parts = [Buffer.alloc(4), map.descriptors];
  parts[0]!.writeUInt16BE(0xe000 | map.pcrPid, 0);
  parts[0]!.writeUInt16BE(0xf000 | map.descriptors.length, 2);
  for (const stream of map.streams) {
    const entry = Buffer.alloc(5);
    entry[0] = stream.streamType;
    entry.writeUInt16BE(0xe000 | stream.pid, 1);
    entry.writeUInt16BE(0xf000 | stream.descriptors.length, 3);
    parts.push(entry, stream.descriptors);
  }
  return buildSection(0x02, map.programNumber, map.version, Buffer.concat(parts));
}

function buildSection(tableId: number, extension: number, version: number, body: Buffer): Buffer {
  const section = Buffer.alloc(8 + body.length + 4);
  section[0] = tableId;
  section.writeUInt16BE(0xb000 | (section.length - 3), 1);
  section.writeUInt16BE(extension, 3);
  section[5] = 0xc0 | ((version & 0x1f) << 1) | 0x01;
  body.copy(section, 8);
  section.writeUInt32BE(crc32(section, 0, section.length - 4), section.length - 4);
  return section;
}

/**
 * The packets that carry a section, from a packet of its own on (pointer_field 0), stuffed with 0xff.
 * Continuity counters count up from `firstContinuity`.
 */
export function packetizeSection(pid: number, section: Buffer, firstContinuity = 0): Buffer {
  const payload = PACKET_SIZE - 4;
  const count = Math.ceil((section.length + 1) / payload);
  const packets = Buffer.alloc(count * PACKET_SIZE, 0xff);
  for (let i = 0, from = 0; i < count; i++) {
    const at = i * PACKET_SIZE;
    packets[at] = SYNC_BYTE;
    packets[at + 1] = (i === 0 ? 0x40 : 0) | (pid >> 8);
    packets[at + 2] = pid & 0xff;
    packets[at + 3] = 0x10 | ((firstContinuity + i) & 0x0f);
    if (i === 0) packets[at + 4] = 0;
    const to = at + (i === 0 ? 5 : 4);
    from += section.copy(packets, to, from, from + at + PACKET_SIZE - to);
  }
  return packets;
}

/** PAT and PMT of a program as packets with these continuity counters. */
export function buildTables(
  map: ProgramMap,
  continuity: { pat?: number; pmt?: number; patVersion?: number } = {},
): Buffer {
  return Buffer.concat([
    packetizeSection(PAT_PID, buildPatSection(map, continuity.patVersion), continuity.pat),
    packetizeSection(map.pmtPid, buildPmtSection(map), continuity.pmt),
  ]);
}

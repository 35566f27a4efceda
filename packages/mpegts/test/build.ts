import { PACKET_SIZE, type ProgramMap, SYNC_BYTE } from '../src/index.ts';
import { writeClockBase, writeTimestamp } from '../src/timestamps.ts';

export interface PacketFields {
  readonly pid: number;
  readonly continuity?: number;
  /** Starts a PES packet with this PTS (and DTS). */
  readonly pts?: number;
  readonly dts?: number;
  readonly pcr?: number;
  readonly randomAccess?: boolean;
  readonly discontinuity?: boolean;
  /** At most what fits; the rest is stuffing of the adaptation field. Absent: no payload at all. */
  readonly payload?: Buffer;
  readonly starts?: boolean;
}

/** A transport packet made by the book (ISO/IEC 13818-1 §2.4.3), for tests. */
export function packet(fields: PacketFields): Buffer {
  const made = Buffer.alloc(PACKET_SIZE, 0xff);
  const body = Buffer.concat([pesHeader(fields), fields.payload ?? Buffer.alloc(0)]);
  const starts = fields.starts ?? fields.pts !== undefined;
  made[0] = SYNC_BYTE;
  made[1] = (starts ? 0x40 : 0) | (fields.pid >> 8);
  made[2] = fields.pid & 0xff;
  const start = PACKET_SIZE - body.length;
  body.copy(made, start);
  made[3] = (start > 4 ? 0x20 : 0) | (body.length > 0 ? 0x10 : 0) | (fields.continuity ?? 0);
  if (start === 4) return made;
  made[4] = start - 5;
  if (start === 5) return made;
  made[5] =
    (fields.discontinuity ? 0x80 : 0) |
    (fields.randomAccess ? 0x40 : 0) |
    (fields.pcr === undefined ? 0 : 0x10);
  if (fields.pcr !== undefined) {
    made[10] = 0x7e;
    made[11] = 0;
    writeClockBase(made, 6, fields.pcr);
  }
  return made;
}

function pesHeader({ pts, dts }: PacketFields): Buffer {
  if (pts === undefined) return Buffer.alloc(0);
  const header = Buffer.alloc(dts === undefined ? 14 : 19);
  header.set([0, 0, 1, 0xe0, 0, 0, 0x80, dts === undefined ? 0x80 : 0xc0, header.length - 9]);
  header[9] = dts === undefined ? 0x20 : 0x30;
  writeTimestamp(header, 9, pts);
  if (dts !== undefined) {
    header[14] = 0x10;
    writeTimestamp(header, 14, dts);
  }
  return header;
}

const NONE = Buffer.alloc(0);

/** One H.264 stream on 0x101 with the clock, one AAC stream on 0x102. */
export function program(overrides: Partial<ProgramMap> = {}): ProgramMap {
  return {
    transportStreamId: 1,
    programNumber: 1,
    pmtPid: 0x100,
    pcrPid: 0x101,
    version: 0,
    descriptors: NONE,
    streams: [
      { pid: 0x101, streamType: 0x1b, kind: 'video', codec: 'h264', descriptors: NONE },
      { pid: 0x102, streamType: 0x0f, kind: 'audio', codec: 'aac', descriptors: NONE },
    ],
    ...overrides,
  };
}

/** Beginnings of H.264 access units. */
export const H264 = {
  idr: Buffer.from(
    '00000001 09f0 00000001 67640028 00000001 68ee3cb0 00000001 65888400'.replace(/ /g, ''),
    'hex',
  ),
  /** first_mb_in_slice 0, slice_type 0 (P). */
  p: Buffer.from('00000001 0910 00000001 41e00000 00000000'.replace(/ /g, ''), 'hex'),
  pWithSps: Buffer.from(
    '00000001 09f0 00000001 67640028 00000001 41e00000 00000000'.replace(/ /g, ''),
    'hex',
  ),
  recoveryPoint: Buffer.from('00000001 09f0 00000001 06 0601c480 00000001 41e00000'.replace(/ /g, ''), 'hex'),
} as const;

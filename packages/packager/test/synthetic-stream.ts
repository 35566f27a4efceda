import { addTicks, buildTables, PACKET_SIZE, type ProgramMap } from '@streampool/mpegts';
import type { TapRun } from '@streampool/streaming';

const NONE = Buffer.alloc(0);
export const VIDEO_PID = 0x101;

export const PROGRAM: ProgramMap = {
  ...{
    transportStreamId: 1,
    programNumber: 1,
    pmtPid: 0x100,
    pcrPid: VIDEO_PID,
    version: 0,
    descriptors: NONE,
  },
  streams: [{ pid: VIDEO_PID, streamType: 0x1b, kind: 'video', codec: 'h264', descriptors: NONE }],
};

export interface Picture {
  readonly key: boolean;
  /** Since the beginning. */
  readonly ms: number;
  /** Another source begins. */
  readonly splice?: boolean;
}

/** One packet that begins a PES packet with this PTS and no DTS; `mark` tells it from others. */
function picturePacket(pts: number, mark: number): Buffer {
  const packet = Buffer.alloc(PACKET_SIZE, 0xff);
  packet.set([0x47, 0x40 | (VIDEO_PID >> 8), VIDEO_PID & 0xff, 0x10, 0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5]);
  packet[13] = 0x21 | (Math.floor(pts / 2 ** 30) << 1);
  packet[14] = Math.floor(pts / 2 ** 22) & 0xff;
  packet[15] = ((Math.floor(pts / 2 ** 15) & 0x7f) << 1) | 1;
  packet[16] = Math.floor(pts / 2 ** 7) & 0xff;
  packet[17] = ((pts & 0x7f) << 1) | 1;
  packet.writeUInt32BE(mark, 18);
  return packet;
}

/** Each picture one packet, as a tap would tell of it; the first run knows the program. `at`: PTS of the beginning. */
export function* runsOf(pictures: readonly Picture[], at = 0): Generator<TapRun> {
  let offset = 0;
  for (const [i, { key, ms, splice = false }] of pictures.entries()) {
    const pts = addTicks(at, Math.round(ms * 90));
    const packets = picturePacket(pts, i);
    const accessPoints = key ? [{ offset, pts, tables: buildTables(PROGRAM) }] : [];
    yield { offset, packets, accessPoints, splice, ...(i === 0 && { program: PROGRAM }) };
    offset += packets.length;
  }
}

/** The marks of the pictures in a segment. */
export function marksOf(bytes: Buffer): number[] {
  const marks: number[] = [];
  for (let at = 0; at < bytes.length; at += PACKET_SIZE)
    if (((bytes[at + 1]! & 0x1f) << 8) + bytes[at + 2]! === VIDEO_PID)
      marks.push(bytes.readUInt32BE(at + 18));
  return marks;
}

import { findPesTimes, PACKET_SIZE, type PesTimes, readTimestamp } from '@streampool/mpegts';

/** The start of a PES packet of a program's main stream: a picture, or some audio frames. */
export interface Unit {
  /** Absolute, of its first packet. */
  readonly offset: number;
  /** 90 kHz, 33 bits. */
  readonly pts: number;
  readonly dts: number;
}

const times: PesTimes = { pts: -1, dts: -1 };

/** The units of one PID that begin in a run of whole packets and have a time. `offset`: absolute, of its first byte. */
export function unitsIn(packets: Buffer, offset: number, pid: number): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < packets.length; at += PACKET_SIZE) {
    const high = packets[at + 1]!;
    if ((high & 0x40) === 0 || (((high & 0x1f) << 8) | packets[at + 2]!) !== pid) continue;
    if (findPesTimes(packets, at, times) !== 'found') continue;
    const pts = readTimestamp(packets, times.pts);
    units.push({
      offset: offset + at,
      pts,
      dts: times.dts < 0 ? pts : readTimestamp(packets, times.dts),
    });
  }
  return units;
}

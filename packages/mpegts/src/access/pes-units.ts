import {
  adaptationFlags,
  hasPayload,
  PACKET_SIZE,
  PCR_FLAG,
  payloadStart,
  pidOf,
  RANDOM_ACCESS_FLAG,
  startsUnit,
} from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { readClockBase, readTimestamp, tickDifference, writeTimestamp } from '../timestamps.ts';

/** A PES packet taken out of its transport packets. Times in 90 kHz ticks of 33 bits. */
export interface PesUnit {
  /** From the start code on. */
  readonly bytes: Buffer;
  readonly pts: number;
  /** The PTS where the header has none. */
  readonly dts: number;
  /** random_access_indicator stood before it. */
  readonly randomAccess: boolean;
}

/**
 * Takes the PES packets with a PTS of one PID out of whole, undamaged transport packets, in order; the last one is taken
 * to be complete. For short streams in memory: everything is copied.
 */
export function collectPes(packets: Buffer, pid: number): PesUnit[] {
  const units: PesUnit[] = [];
  const times: PesTimes = { pts: -1, dts: -1 };
  let parts: Buffer[] = [];
  let head: Omit<PesUnit, 'bytes'> | undefined;
  const close = (): void => {
    if (head) units.push({ ...head, bytes: Buffer.concat(parts) });
    parts = [];
    head = undefined;
  };
  for (let at = 0; at < packets.length; at += PACKET_SIZE) {
    if (pidOf(packets, at) !== pid || !hasPayload(packets, at)) continue;
    if (startsUnit(packets, at)) {
      close();
      if (findPesTimes(packets, at, times) !== 'found') continue;
      const pts = readTimestamp(packets, times.pts);
      head = {
        pts,
        dts: times.dts < 0 ? pts : readTimestamp(packets, times.dts),
        randomAccess: (adaptationFlags(packets, at) & RANDOM_ACCESS_FLAG) !== 0,
      };
    }
    if (head) parts.push(packets.subarray(payloadStart(packets, at), at + PACKET_SIZE));
  }
  close();
  return units;
}

/** A copy of a PES packet with other times; where it has no DTS, `dts` is not written. */
export function retimedPes(unit: PesUnit, pts: number, dts: number): Buffer {
  const bytes = Buffer.from(unit.bytes);
  writeTimestamp(bytes, 9, pts);
  if (bytes[7]! >> 6 === 3) writeTimestamp(bytes, 14, dts);
  return bytes;
}

/**
 * By how many ticks the clock reference is before the DTS of what is delivered with it: the least that was seen in
 * `packets`. Undefined without a PCR and a DTS that fit each other.
 */
export function clockDelay(packets: Buffer, pid: number, pcrPid: number): number | undefined {
  const times: PesTimes = { pts: -1, dts: -1 };
  let pcr: number | undefined;
  let least: number | undefined;
  for (let at = 0; at < packets.length; at += PACKET_SIZE) {
    const own = pidOf(packets, at);
    if (own === pcrPid && (adaptationFlags(packets, at) & PCR_FLAG) !== 0)
      pcr = readClockBase(packets, at + 6);
    if (own !== pid || pcr === undefined || findPesTimes(packets, at, times) !== 'found') continue;
    const delay = tickDifference(readTimestamp(packets, times.dts < 0 ? times.pts : times.dts), pcr);
    if (delay >= 0 && (least === undefined || delay < least)) least = delay;
  }
  return least;
}

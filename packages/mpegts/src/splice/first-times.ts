import { adaptationFlags, PACKET_SIZE, PCR_FLAG, pidOf } from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { readClockBase, readTimestamp } from '../timestamps.ts';
import type { FirstTimes } from './timeline.ts';

/** How far behind the first picture its clock reference and its successor may come. */
const WITHIN = 1024 * 1024;

/** The first timestamps of the main stream in `packets`, and what follows near them. */
export function findFirstTimes(packets: Buffer, mainPid: number, pcrPid: number): FirstTimes | undefined {
  const pes: PesTimes = { pts: -1, dts: -1 };
  let pcr: number | undefined;
  let first: { dts: number; pts: number } | undefined;
  let nextDts: number | undefined;
  let end = packets.length;
  for (let at = 0; at < end && (pcr === undefined || nextDts === undefined); at += PACKET_SIZE) {
    const pid = pidOf(packets, at);
    if (pcr === undefined && pid === pcrPid && (adaptationFlags(packets, at) & PCR_FLAG) !== 0) {
      pcr = readClockBase(packets, at + 6);
    }
    if (nextDts !== undefined || pid !== mainPid || findPesTimes(packets, at, pes) !== 'found') continue;
    const pts = readTimestamp(packets, pes.pts);
    const dts = pes.dts < 0 ? pts : readTimestamp(packets, pes.dts);
    if (first) {
      nextDts = dts;
    } else {
      first = { pts, dts };
      end = Math.min(end, at + WITHIN);
    }
  }
  return (
    first && {
      ...first,
      ...(pcr === undefined ? {} : { pcr }),
      ...(nextDts === undefined ? {} : { nextDts }),
    }
  );
}

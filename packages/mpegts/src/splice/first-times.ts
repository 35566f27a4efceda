import { adaptationFlags, PACKET_SIZE, PCR_FLAG, pidOf } from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { readClockBase, readTimestamp } from '../timestamps.ts';
import type { FirstTimes } from './timeline.ts';

/** How far behind the first picture its clock reference may come. */
const PCR_WITHIN = 64 * 1024;

/** The first timestamps of the main stream in `packets`, and the first clock reference near them. */
export function findFirstTimes(packets: Buffer, mainPid: number, pcrPid: number): FirstTimes | undefined {
  const pes: PesTimes = { pts: -1, dts: -1 };
  let pcr: number | undefined;
  let found: { dts: number; pts: number } | undefined;
  let end = packets.length;
  for (let at = 0; at < end && (pcr === undefined || !found); at += PACKET_SIZE) {
    const pid = pidOf(packets, at);
    if (pcr === undefined && pid === pcrPid && (adaptationFlags(packets, at) & PCR_FLAG) !== 0) {
      pcr = readClockBase(packets, at + 6);
    }
    if (!found && pid === mainPid && findPesTimes(packets, at, pes) === 'found') {
      const pts = readTimestamp(packets, pes.pts);
      found = { pts, dts: pes.dts < 0 ? pts : readTimestamp(packets, pes.dts) };
      end = Math.min(end, at + PCR_WITHIN);
    }
  }
  return found && (pcr === undefined ? found : { ...found, pcr });
}

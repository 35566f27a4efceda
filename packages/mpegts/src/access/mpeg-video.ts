import type { Verdict } from './access-unit-probe.ts';
import { afterStartCode } from './nal-units.ts';

const SEQUENCE_HEADER = 0xb3;
const PICTURE = 0x00;
const INTRA = 1;

/**
 * MPEG-1 and MPEG-2 video (ISO/IEC 13818-2 §6.2): an intra picture behind a sequence header. One without the other,
 * or a bare random access flag, is weak.
 */
export function judgeMpegVideo(es: Uint8Array, randomAccess: boolean, final: boolean): Verdict {
  let sequence = false;
  for (let at = afterStartCode(es, 0); at >= 0; at = afterStartCode(es, at)) {
    if (es[at] === SEQUENCE_HEADER) {
      sequence = true;
    } else if (es[at] === PICTURE) {
      const coding = es[at + 2];
      if (coding === undefined && !final) return 'open';
      const intra = ((coding ?? 0) >> 3) % 8 === INTRA;
      if (sequence && intra) return 'yes';
      return sequence || intra || randomAccess ? 'weak' : 'no';
    }
  }
  if (!final) return 'open';
  if (sequence) return randomAccess ? 'yes' : 'weak';
  return randomAccess ? 'weak' : 'no';
}

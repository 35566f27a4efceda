import type { Verdict } from './access-unit-probe.ts';

/** What the NAL units seen so far say about where a decoder can start. */
interface Evidence {
  parameterSets: boolean;
}

/** Offset of the first byte after the next start code (00 00 01) at or after `from`, or -1. */
export function afterStartCode(es: Uint8Array, from: number): number {
  for (let i = from; i + 3 < es.length; i++) {
    if (es[i + 2]! > 1) i += 2;
    else if (es[i] === 0 && es[i + 1] === 0 && es[i + 2] === 1) return i + 3;
  }
  return -1;
}

/**
 * H.264 (ISO/IEC 14496-10): an IDR picture, an intra picture behind a sequence parameter set, or a recovery point.
 * An SPS before another picture, an intra picture without SPS, or a bare flag is weak.
 */
export function judgeH264(es: Uint8Array, randomAccess: boolean, final: boolean): Verdict {
  return judgeNalUnits(es, randomAccess, final, (seen, nal, end) => {
    const type = es[nal]! & 0x1f;
    if (type === 5) return 'yes';
    if (type === 7) {
      seen.parameterSets = true;
      // The flag and the parameter sets agree: no need to wait for the picture.
      return randomAccess ? 'yes' : 'open';
    }
    if (type === 6) return hasRecoveryPoint(es, nal + 1, end) ? 'yes' : 'open';
    if (type === 1 || type === 2) {
      if (es.length - nal < SLICE_TYPE_WITHIN && !final) return 'open';
      const intra = isIntraSlice(es, nal + 1);
      if (intra && seen.parameterSets) return 'yes';
      return intra || seen.parameterSets || randomAccess ? 'weak' : 'no';
    }
    return 'open';
  });
}

/**
 * HEVC (ISO/IEC 23008-2): an IRAP picture (BLA, IDR, CRA) or a recovery point. Parameter sets before another picture
 * or a bare flag is weak.
 */
export function judgeHevc(es: Uint8Array, randomAccess: boolean, final: boolean): Verdict {
  return judgeNalUnits(es, randomAccess, final, (seen, nal, end) => {
    const type = (es[nal]! >> 1) & 0x3f;
    if (type >= 16 && type <= 23) return 'yes';
    if (type === 32 || type === 33) {
      seen.parameterSets = true;
      return randomAccess ? 'yes' : 'open';
    }
    if (type === 39) return hasRecoveryPoint(es, nal + 2, end) ? 'yes' : 'open';
    if (type < 16) return seen.parameterSets || randomAccess ? 'weak' : 'no';
    return 'open';
  });
}

function judgeNalUnits(
  es: Uint8Array,
  randomAccess: boolean,
  final: boolean,
  judge: (seen: Evidence, nal: number, end: number) => Verdict,
): Verdict {
  const seen: Evidence = { parameterSets: false };
  for (let nal = afterStartCode(es, 0); nal >= 0; ) {
    const next = afterStartCode(es, nal);
    const verdict = judge(seen, nal, next < 0 ? es.length : next - 3);
    if (verdict !== 'open') return verdict;
    nal = next;
  }
  if (!final) return 'open';
  if (seen.parameterSets) return randomAccess ? 'yes' : 'weak';
  return randomAccess ? 'weak' : 'no';
}

/** Bytes of a NAL unit that hold all that is read of a slice header. */
const SLICE_TYPE_WITHIN = 8;

/** slice_type (§7.4.3) of a slice whose header starts at `at`: 2 and 7 are I, 4 and 9 SI. */
function isIntraSlice(es: Uint8Array, at: number): boolean {
  let bit = at * 8;
  const readBit = () => {
    const value = ((es[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
    bit++;
    return value;
  };
  const readExpGolomb = () => {
    let zeros = 0;
    while (readBit() === 0) if (++zeros > 31) return -1;
    let value = 1;
    for (let i = 0; i < zeros; i++) value = value * 2 + readBit();
    return value - 1;
  };
  readExpGolomb(); // first_mb_in_slice
  const sliceType = readExpGolomb();
  return sliceType >= 0 && (sliceType % 5 === 2 || sliceType % 5 === 4);
}

const RECOVERY_POINT = 6;

/** Whether an SEI unit has a recovery point message (H.264 annex D, HEVC annex D: payloadType 6 in both). */
function hasRecoveryPoint(es: Uint8Array, start: number, end: number): boolean {
  const bytes = withoutEmulation(es, start, end);
  let at = 0;
  while (at + 2 <= bytes.length) {
    let type = 0;
    let size = 0;
    for (; bytes[at] === 0xff; at++) type += 255;
    type += bytes[at++] ?? 0;
    for (; bytes[at] === 0xff; at++) size += 255;
    size += bytes[at++] ?? 0;
    if (type === RECOVERY_POINT) return true;
    at += size;
  }
  return false;
}

/** The bytes without emulation_prevention_three_byte. */
function withoutEmulation(es: Uint8Array, start: number, end: number): number[] {
  const bytes: number[] = [];
  let zeros = 0;
  for (let i = start; i < end; i++) {
    const byte = es[i]!;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    bytes.push(byte);
  }
  return bytes;
}

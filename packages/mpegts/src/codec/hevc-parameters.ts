import { BitReader, withoutEmulation } from './bit-reader.ts';
import { type PictureSize, plausibleSize } from './picture-size.ts';

const SEQUENCE_PARAMETERS = 33;
const BEGINNING = 256;
/** Profile space, tier, profile, compatibility and constraint flags (ISO/IEC 23008-2 §7.3.3). */
const PROFILE_BITS = 88;
const LEVEL_BITS = 8;

/** Reads a sequence parameter set of HEVC (§7.3.2.2.1), from the first byte of its header on. Undefined: it is none, or is damaged. */
export function readHevcSize(nal: Uint8Array): PictureSize | undefined {
  if (nal.length < 16 || ((nal[0]! >> 1) & 0x3f) !== SEQUENCE_PARAMETERS) return undefined;
  const reader = new BitReader(withoutEmulation(nal.subarray(2, BEGINNING)));
  reader.bits(4); // sps_video_parameter_set_id
  const furtherLayers = reader.bits(3);
  reader.bits(1); // sps_temporal_id_nesting_flag
  skip(reader, PROFILE_BITS + LEVEL_BITS);
  skipLayers(reader, furtherLayers);
  reader.unsigned(); // sps_seq_parameter_set_id
  const chroma = reader.unsigned();
  if (chroma === 3) reader.bits(1);
  const width = reader.unsigned();
  const height = reader.unsigned();
  const isCropped = reader.bits(1) === 1;
  const [left, right, top, bottom] = isCropped
    ? [reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned()]
    : [0, 0, 0, 0];
  const [unitX, unitY] = [chroma === 1 || chroma === 2 ? 2 : 1, chroma === 1 ? 2 : 1];
  if (!reader.isInside) return undefined;
  return plausibleSize(width - unitX * (left + right), height - unitY * (top + bottom));
}

function skipLayers(reader: BitReader, layers: number): void {
  if (layers === 0) return;
  const present = Array.from({ length: layers }, () => [reader.bits(1), reader.bits(1)] as const);
  // Padded to eight pairs.
  skip(reader, 2 * (8 - layers));
  for (const [profile, level] of present) skip(reader, profile * PROFILE_BITS + level * LEVEL_BITS);
}

function skip(reader: BitReader, bits: number): void {
  for (let left = bits; left > 0; left -= 32) reader.bits(Math.min(32, left));
}

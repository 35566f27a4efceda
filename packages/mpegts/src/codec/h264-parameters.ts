import { BitReader, withoutEmulation } from './bit-reader.ts';
import { type PictureSize, plausibleSize } from './picture-size.ts';

/** What a sequence parameter set of H.264 says of the picture (ISO/IEC 14496-10 §7.3.2.1.1). */
export interface H264Parameters extends PictureSize {
  /** profile_idc, constraint flags and level_idc: what RFC 6381 §3.3 writes behind `avc1.`. */
  readonly profile: string;
}

/** Profiles whose parameter sets tell of colours and scaling. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const BEGINNING = 256;

/** Reads a sequence parameter set, from the byte of its type on. Undefined: it is none, or is damaged. */
export function readH264Parameters(nal: Uint8Array): H264Parameters | undefined {
  if (nal.length < 5 || (nal[0]! & 0x1f) !== 7) return undefined;
  const bytes = withoutEmulation(nal.subarray(1, BEGINNING));
  const reader = new BitReader(bytes.subarray(3));
  reader.unsigned(); // seq_parameter_set_id
  const chroma = HIGH_PROFILES.has(bytes[0]!) ? skipColours(reader) : 1;
  reader.unsigned(); // log2_max_frame_num_minus4
  skipOrder(reader);
  reader.unsigned(); // max_num_ref_frames
  reader.bits(1);
  const columns = reader.unsigned() + 1;
  const rows = reader.unsigned() + 1;
  const isProgressive = reader.bits(1) === 1;
  if (!isProgressive) reader.bits(1);
  reader.bits(1); // direct_8x8_inference_flag
  const isCropped = reader.bits(1) === 1;
  const [left, right, top, bottom] = isCropped
    ? [reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned()]
    : [0, 0, 0, 0];
  const fields = isProgressive ? 1 : 2;
  const [unitX, unitY] = [chroma === 1 || chroma === 2 ? 2 : 1, (chroma === 1 ? 2 : 1) * fields];
  const width = 16 * columns - unitX * (left + right);
  const height = 16 * rows * fields - unitY * (top + bottom);
  const size = reader.isInside ? plausibleSize(width, height) : undefined;
  return size && { profile: Buffer.from(bytes.subarray(0, 3)).toString('hex'), ...size };
}

/** Returns chroma_format_idc. */
function skipColours(reader: BitReader): number {
  const chroma = reader.unsigned();
  if (chroma === 3) reader.bits(1);
  reader.unsigned();
  reader.unsigned();
  reader.bits(1);
  if (reader.bits(1) === 0) return chroma;
  for (let list = 0; list < (chroma === 3 ? 12 : 8); list++)
    if (reader.bits(1) === 1) skipScaling(reader, list < 6 ? 16 : 64);
  return chroma;
}

function skipScaling(reader: BitReader, size: number): void {
  let [last, next] = [8, 8];
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + reader.signed() + 256) % 256;
    if (next !== 0) last = next;
  }
}

/** Picture order count. */
function skipOrder(reader: BitReader): void {
  const type = reader.unsigned();
  if (type === 0) reader.unsigned();
  if (type !== 1) return;
  reader.bits(1);
  reader.signed();
  reader.signed();
  const count = Math.min(255, reader.unsigned());
  for (let i = 0; i < count; i++) reader.signed();
}

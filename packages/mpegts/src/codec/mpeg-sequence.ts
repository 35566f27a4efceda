import { type PictureSize, plausibleSize } from './picture-size.ts';

const SEQUENCE_HEADER = 0xb3;

/** Reads a sequence header of MPEG-1 or MPEG-2 video (ISO/IEC 13818-2 §6.2.2.1), from the byte behind its start code prefix on. */
export function readSequenceSize(header: Uint8Array): PictureSize | undefined {
  if (header.length < 4 || header[0] !== SEQUENCE_HEADER) return undefined;
  return plausibleSize((header[1]! << 4) | (header[2]! >> 4), ((header[2]! & 0x0f) << 8) | header[3]!);
}

import type { Codec } from '../types.ts';

/** Of AC-3, by acmod, without the one for low frequencies (ETSI TS 102 366 §4.4.2.3). */
const AC3_CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5] as const;
/** The newest bitstream that is AC-3; those above are E-AC-3. */
const NEWEST_AC3 = 10;

/** A sound track, as its first frame tells. */
export interface Sound {
  /** As FFmpeg names it. */
  readonly codec: Codec | 'mp3';
  /** That for low frequencies among them. Undefined: the frame does not say. */
  readonly channels?: number;
}

/** `frame`: the beginning of a unit's payload, if there was a unit. `codec`: what the program map says. */
export function readSound(codec: Codec, frame: Uint8Array | undefined): Sound {
  if (!frame || frame.length < 8) return { codec };
  const isMpeg = frame[0] === 0xff && (frame[1]! & 0xe0) === 0xe0;
  const isAc3 = frame[0] === 0x0b && frame[1] === 0x77;
  if (codec === 'aac' && isMpeg) return ofAdts(frame);
  if ((codec === 'mp1' || codec === 'mp2') && isMpeg) return ofMpegAudio(frame);
  return isAc3 && (codec === 'ac3' || codec === 'eac3') ? { codec, channels: ac3Channels(frame) } : { codec };
}

/** ISO/IEC 11172-3 §2.4.1.3. The program map says no more than which standard it is, the frame which layer. */
function ofMpegAudio(frame: Uint8Array): Sound {
  const codec = (['mp2', 'mp3', 'mp2', 'mp1'] as const)[(frame[1]! >> 1) & 3]!;
  return { codec, channels: frame[3]! >> 6 === 3 ? 1 : 2 };
}

/** channel_configuration (ISO/IEC 13818-7 §6.2); 0: the stream says it elsewhere. */
function ofAdts(frame: Uint8Array): Sound {
  const configuration = ((frame[2]! & 1) << 2) | (frame[3]! >> 6);
  if (configuration === 0) return { codec: 'aac' };
  return { codec: 'aac', channels: configuration === 7 ? 8 : configuration };
}

function ac3Channels(frame: Uint8Array): number {
  const isEnhanced = frame[5]! >> 3 > NEWEST_AC3;
  if (isEnhanced) return AC3_CHANNELS[(frame[4]! >> 1) & 7]! + (frame[4]! & 1);
  const mode = frame[6]! >> 5;
  // Two bits each that some modes have, before that which tells of low frequencies: how centre, surround and matrix are mixed.
  const hasCentre = (mode & 1) === 1 && mode !== 1;
  const before = (hasCentre ? 2 : 0) + ((mode & 4) !== 0 ? 2 : 0) + (mode === 2 ? 2 : 0);
  return AC3_CHANNELS[mode]! + ((frame[6]! >> (4 - before)) & 1);
}

import { hasPayload, isScrambled, PACKET_SIZE, payloadStart } from '../packet.ts';
import type { Codec } from '../types.ts';
import { judgeMpegVideo } from './mpeg-video.ts';
import { judgeH264, judgeHevc } from './nal-units.ts';

/**
 * Whether a decoder can start at an access unit. `weak`: it may (parameter sets or a flag say so, the picture does not).
 * `open`: more bytes are needed.
 */
export type Verdict = 'yes' | 'weak' | 'no' | 'open';

/** Judges the first bytes of an access unit. `randomAccess`: the packet's flag; `final`: no more bytes will come. */
export type Judge = (es: Uint8Array, randomAccess: boolean, final: boolean) => Verdict;

const JUDGES: Partial<Record<Codec, Judge>> = {
  h264: judgeH264,
  hevc: judgeHevc,
  mpeg1video: judgeMpegVideo,
  mpeg2video: judgeMpegVideo,
};

/** How much of an access unit is looked at. x264 puts 700 bytes of settings before its first picture. */
const LOOKED_AT = 24 * (PACKET_SIZE - 4);
const PES_HEADER = 9;

/**
 * Looks into the first packets of a video access unit to see whether a decoder can start there.
 * Some encoders set random_access_indicator on every picture and some on none, so the picture itself is asked.
 */
export class AccessUnitProbe {
  readonly #judge: Judge | undefined;
  readonly #bytes = Buffer.allocUnsafeSlow(LOOKED_AT);
  #length = 0;
  #randomAccess = false;

  constructor(codec: Codec) {
    this.#judge = JUDGES[codec];
  }

  /** Takes the packet that starts the PES packet of the access unit. */
  start(data: Buffer, at: number, randomAccess: boolean): Verdict {
    this.#length = 0;
    this.#randomAccess = randomAccess;
    // What cannot be looked at (another codec, scrambled) is taken at its flag's word.
    if (!this.#judge || isScrambled(data, at)) return randomAccess ? 'yes' : 'no';
    return this.more(data, at);
  }

  /** Takes a following packet of the same access unit, until the verdict is not `open`. */
  more(data: Buffer, at: number): Verdict {
    if (!hasPayload(data, at)) return 'open';
    this.#length += data.copy(this.#bytes, this.#length, payloadStart(data, at), at + PACKET_SIZE);
    return this.#verdict(this.#length === LOOKED_AT);
  }

  /** The access unit is over. */
  finish(): Verdict {
    return this.#verdict(true);
  }

  #verdict(final: boolean): Verdict {
    if (this.#length >= PES_HEADER) {
      const start = PES_HEADER + this.#bytes[PES_HEADER - 1]!;
      if (this.#length > start && this.#judge) {
        return this.#judge(this.#bytes.subarray(start, this.#length), this.#randomAccess, final);
      }
    }
    return final ? (this.#randomAccess ? 'weak' : 'no') : 'open';
  }
}

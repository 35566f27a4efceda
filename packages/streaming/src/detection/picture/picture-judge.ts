import { StreampoolError } from '@streampool/errors';
import type { PictureLooks } from '../detection-settings.ts';
import { darknessOf, type GrayPicture, isSamePicture } from './gray-picture.ts';

/** A fault takes this many samples in a row, however far apart they are: two may hit the same cut to black by chance. */
const BLACK_SAMPLES = 3;
const FROZEN_SAMPLES = 4;
/** While a fault is suspected there are this many samples in the time it takes to be sure. */
const BLACK_CONFIRMATIONS = 4;
const FROZEN_CONFIRMATIONS = 6;

interface Streak {
  readonly sinceMs: number;
  samples: number;
}

/** Judges a row of small pictures of one source: black, frozen, or neither so far. */
export class PictureJudge {
  readonly #settings: PictureLooks;
  #black: Streak | undefined;
  #frozen: (Streak & { readonly picture: GrayPicture }) | undefined;

  constructor(settings: PictureLooks) {
    this.#settings = settings;
  }

  /**
   * @param picture taken at `atMs`
   * @param stillSinceMs since when the stream's pictures repeat each other, as far as their sizes tell
   */
  add(picture: GrayPicture, atMs: number, stillSinceMs: number | undefined): StreampoolError | undefined {
    const darkness = darknessOf(picture);
    const isBlack = darkness === 'black' || (darkness === 'dark' && stillSinceMs !== undefined);
    const black = this.#judgeBlack(isBlack, atMs);
    // A black picture is nothing else, so that whoever allows black is not told that it is frozen.
    const frozen = this.#judgeFrozen(isBlack ? undefined : picture, atMs, stillSinceMs);
    return black ?? frozen;
  }

  /** How soon the next sample should be taken, in ms, because a fault is suspected; undefined if none is. */
  get confirmationMs(): number | undefined {
    const { blackMs, frozenMs } = this.#settings;
    if (this.#black && blackMs > 0) return blackMs / BLACK_CONFIRMATIONS;
    if (this.#frozen && this.#frozen.samples > 1) return frozenMs / FROZEN_CONFIRMATIONS;
    return undefined;
  }

  reset(): void {
    this.#black = undefined;
    this.#frozen = undefined;
  }

  #judgeBlack(isBlack: boolean, atMs: number): StreampoolError | undefined {
    const { blackMs } = this.#settings;
    if (!isBlack || blackMs <= 0) {
      this.#black = undefined;
      return undefined;
    }
    this.#black ??= { sinceMs: atMs, samples: 0 };
    this.#black.samples += 1;
    const lasted = atMs - this.#black.sinceMs;
    if (this.#black.samples < BLACK_SAMPLES || lasted < blackMs) return undefined;
    return fault('SOURCE_BLACK', 'black', lasted);
  }

  #judgeFrozen(
    picture: GrayPicture | undefined,
    atMs: number,
    stillSinceMs: number | undefined,
  ): StreampoolError | undefined {
    const { frozenMs } = this.#settings;
    if (!picture || stillSinceMs === undefined || frozenMs <= 0) {
      this.#frozen = undefined;
      return undefined;
    }
    const former = this.#frozen;
    // Compared with the first of them, so that a slow pan over a photograph adds up.
    if (!former || former.sinceMs < stillSinceMs || !isSamePicture(former.picture, picture)) {
      this.#frozen = { picture, sinceMs: atMs, samples: 1 };
      return undefined;
    }
    former.samples += 1;
    const lasted = atMs - former.sinceMs;
    if (former.samples < FROZEN_SAMPLES || lasted < frozenMs) return undefined;
    return fault('SOURCE_FROZEN', 'frozen', lasted);
  }
}

function fault(code: 'SOURCE_BLACK' | 'SOURCE_FROZEN', what: string, lastedMs: number): StreampoolError {
  const seconds = Math.round(lastedMs / 1_000);
  return new StreampoolError(code, `the source's picture has been ${what} for ${seconds} s`, {
    info: { seconds },
  });
}

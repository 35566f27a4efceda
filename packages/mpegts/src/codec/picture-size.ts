/** Of the picture that is shown, in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

const LEAST = 16;
const MOST = 16_384;

/** Undefined where no picture has such a size: what it was read from is damaged. */
export function plausibleSize(width: number, height: number): PictureSize | undefined {
  const isPlausible = (pixels: number): boolean => pixels >= LEAST && pixels <= MOST;
  return isPlausible(width) && isPlausible(height) ? { width, height } : undefined;
}

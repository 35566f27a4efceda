import { buildTables, type ElementaryStream, type ProgramMap } from '@streampool/mpegts';
import type { Sample } from '../sample-decoder.ts';

/** A keyframe made small: one byte of luma per cell, 0 black to 255 white, rows from the top. */
export type GrayPicture = Buffer;

/** 20 by 20 pixels of a 720p picture per cell: noise averages out, a moving mouth does not. */
const COLUMNS = 64;
const ROWS = 36;
export const CELLS = COLUMNS * ROWS;

/** What FFmpeg has to do with the packets of one access unit to make it a `GrayPicture`. */
export function pictureSample(map: ProgramMap, video: ElementaryStream, packets: Buffer): Sample {
  const tables = buildTables({ ...map, pcrPid: video.pid, streams: [video] });
  const scale = `scale=${COLUMNS}:${ROWS}:flags=area,format=gray`;
  return {
    packets: Buffer.concat([tables, packets]),
    args: ['-map', '0:v:0', '-frames:v', '1', '-vf', scale, '-f', 'rawvideo', 'pipe:1'],
    maxOutputBytes: CELLS,
  };
}

/** Black as a broken source's, with whatever noise a codec leaves in it. */
const BLACK_CELL = 20;
/** Black with a channel's logo in it: dark as a whole, but for a few cells. */
const DARK_MEAN = 12;
const LIT_CELL = 28;
const LIT_SHARE = 0.02;

/** `black`: every cell is. `dark`: nearly every cell is, as under a logo; or a night scene: a still picture does not tell. */
export function darknessOf(picture: GrayPicture): 'black' | 'dark' | 'none' {
  let sum = 0;
  let brightest = 0;
  let lit = 0;
  for (const cell of picture) {
    sum += cell;
    if (cell > brightest) brightest = cell;
    if (cell > LIT_CELL) lit++;
  }
  if (brightest <= BLACK_CELL) return 'black';
  return sum / picture.length <= DARK_MEAN && lit / picture.length <= LIT_SHARE ? 'dark' : 'none';
}

/**
 * Keyframes of one and the same picture, coded anew, were seen to differ by 2, and by 6 at starvation rates; a mouth that
 * moves makes 16 and more.
 */
const SAME_CELL = 8;

/** Whether two pictures are the same but for the codec's noise. */
export function isSamePicture(a: GrayPicture, b: GrayPicture): boolean {
  for (let i = 0; i < a.length; i++) if (Math.abs(a[i]! - b[i]!) > SAME_CELL) return false;
  return true;
}

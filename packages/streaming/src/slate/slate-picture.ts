import { existsSync } from 'node:fs';
import type { VideoFormat } from './media-format.ts';

const TEXT = 'Please stand by';
const DOTS = 5;

/** Where distributions keep a plain font. Without one of them the slate has no text. */
const FONTS = [
  '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
  '/usr/share/fonts/dejavu/DejaVuSans.ttf',
  '/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf',
  '/usr/share/fonts/TTF/DejaVuSans.ttf',
  '/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf',
  '/usr/share/fonts/liberation-sans/LiberationSans-Regular.ttf',
  '/usr/share/fonts/truetype/freefont/FreeSans.ttf',
  '/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf',
];

export function findFont(): string | undefined {
  return FONTS.find((path) => existsSync(path));
}

/**
 * The slate's picture as an FFmpeg source: a dark background, a row of dots of which one after the other lights up, so that
 * nobody takes it for a frozen picture, and a line of text if there is a font. Made of plain filters alone.
 * @param frames of one loop, in which the light passes all dots
 */
export function slatePicture(format: VideoFormat, frames: number, font?: string): string {
  const { width, height, aspect, rate, bits } = format;
  const dot = { width: 0.05, gap: 0.03, top: 0.62, height: 0.018 };
  const left = 0.5 - (DOTS * dot.width + (DOTS - 1) * dot.gap) / 2;
  const boxes = Array.from({ length: DOTS }, (_, i) => {
    const box = `drawbox=x=iw*${(left + i * (dot.width + dot.gap)).toFixed(4)}:y=ih*${dot.top}:w=iw*${dot.width}:h=ih*${dot.height}:t=fill`;
    const lit = `enable='eq(floor(mod(n,${frames})*${DOTS}/${frames}),${i})'`;
    return `${box}:color=0x32475c,${box}:color=0xdfe7ee:${lit}`;
  });
  const text = `drawtext=fontfile=${font}:text='${TEXT}':fontcolor=0xdfe7ee:fontsize=h/12:x=(w-tw)/2:y=h*0.44-th/2`;
  return [
    `color=c=0x14202c:s=${width}x${height}:r=${rate.join('/')}`,
    `setsar=${aspect.replace(':', '/')}`,
    ...boxes,
    ...(font === undefined ? [] : [text]),
    `format=${bits === 10 ? 'yuv420p10le' : 'yuv420p'}`,
  ].join(',');
}

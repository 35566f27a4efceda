import type { OptionUse } from '../template/arrange.ts';

/** An option that is put in unless the template has its own, or one that says the same in another way. */
interface Default {
  readonly args: readonly string[];
  readonly unless: readonly string[];
}

/** How FFmpeg opens the input; see docs/adr/0031-opening-live-input.md for what was measured. */
const INPUT: readonly Default[] = [
  { args: ['-fflags', '+genpts+discardcorrupt'], unless: ['fflags'] },
  { args: ['-analyzeduration', '1000000'], unless: ['analyzeduration', 'probesize'] },
  { args: ['-fpsprobesize', '0'], unless: ['fpsprobesize'] },
];

/** How the transport stream is written: at once, its clock where the pictures are. */
const OUTPUT: readonly Default[] = [
  { args: ['-muxdelay', '0'], unless: ['muxdelay'] },
  { args: ['-muxpreload', '0'], unless: ['muxpreload'] },
  { args: ['-flush_packets', '1'], unless: ['flush_packets'] },
  { args: ['-max_interleave_delta', '1000000'], unless: ['max_interleave_delta'] },
  { args: ['-max_muxing_queue_size', '1024'], unless: ['max_muxing_queue_size'] },
];

const KEYFRAMES: Default = {
  args: ['-force_key_frames', 'expr:gte(t,n_forced*2)'],
  unless: ['force_key_frames', 'g', 'keyint_min', 'x264-params', 'x264opts', 'x265-params'],
};

export function inputDefaults(own: readonly OptionUse[]): string[] {
  return missing(INPUT, own);
}

export function outputDefaults(own: readonly OptionUse[]): string[] {
  return missing(encodesVideo(own) ? [KEYFRAMES, ...OUTPUT] : OUTPUT, own);
}

/** False where pictures are copied or left out: then there is nobody to ask for keyframes. */
function encodesVideo(own: readonly OptionUse[]): boolean {
  return !own.some(
    ({ name, args: [option, value] }) =>
      name === 'vn' ||
      (value === 'copy' &&
        (name === 'vcodec' || option === '-c' || option === '-codec' || /^-c(?:odec)?:v/.test(option ?? ''))),
  );
}

function missing(defaults: readonly Default[], own: readonly OptionUse[]): string[] {
  const names = new Set(own.map(({ name }) => name));
  return defaults.filter(({ unless }) => !unless.some((name) => names.has(name))).flatMap(({ args }) => args);
}

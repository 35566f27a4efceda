import type { OptionUse } from '../template/arrange.ts';

/** An option that is put in unless the template has its own, or one that says the same in another way. */
interface Default {
  readonly args: readonly string[];
  readonly unless: readonly string[];
}

/** How FFmpeg opens the input. What each costs and saves was measured: docs/adr/0031-first-picture.md. */
const INPUT: readonly Default[] = [
  { args: ['-fflags', '+genpts+discardcorrupt'], unless: ['fflags'] },
  // Probing ends when every stream is known; this is for the one that never sends anything.
  { args: ['-analyzeduration', '1000000'], unless: ['analyzeduration'] },
  // The frame rate is in the headers, or in the timestamps of what is read anyway.
  { args: ['-fpsprobesize', '0'], unless: ['fpsprobesize'] },
  // A decoder thread holds back a frame: one per core is 0.6 s on a machine with 16.
  { args: ['-threads', '3'], unless: ['threads'] },
];

/** How the transport stream is written: every packet at once, its clock a little ahead of the pictures. */
const OUTPUT: readonly Default[] = [
  { args: ['-muxdelay', '0.1'], unless: ['muxdelay', 'max_delay'] },
  { args: ['-muxpreload', '0'], unless: ['muxpreload'] },
  // Reordered pictures decode before time zero: without room there the clock would begin by wrapping round.
  { args: ['-output_ts_offset', '1'], unless: ['output_ts_offset', 'copyts', 'mpegts_copyts'] },
  // A clock reference with every picture; left alone it is every second or third one.
  { args: ['-pcr_period', '20'], unless: ['pcr_period', 'muxrate'] },
  { args: ['-flush_packets', '1'], unless: ['flush_packets'] },
  // How long the other streams wait for one that is silent, such as subtitles: 10 s if not told otherwise.
  { args: ['-max_interleave_delta', '100000'], unless: ['max_interleave_delta'] },
  { args: ['-max_muxing_queue_size', '1024'], unless: ['max_muxing_queue_size'] },
];

/**
 * A viewer can join, a segment end, and a restart be spliced, only at a keyframe. Measured from the last one and not counted
 * from the start, so that a jump in the source's timeline does not make every following picture a keyframe. The second one
 * comes sooner, since players of HLS wait for a whole segment; the one after it not, or the segment between would have three seconds.
 */
export const KEYFRAMES_EVERY_2_S =
  'expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+if(lt(n_forced,2),1,2)))';

const KEYFRAMES: Default = {
  args: ['-force_key_frames', KEYFRAMES_EVERY_2_S],
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

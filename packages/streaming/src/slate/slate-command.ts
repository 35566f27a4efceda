import type { AudioFormat, MediaFormat, VideoFormat } from './media-format.ts';
import { slatePicture } from './slate-picture.ts';

/** One loop lasts about this long. */
const LOOP_SECONDS = 2;
/** More sound than one loop has: the first frames, which fade in, are not used. */
const SOUND_SECONDS = 1.5;

/** Frames of a loop, and from one keyframe to the next. */
export function loopOf({ rate: [numerator, denominator] }: VideoFormat): { frames: number; gop: number } {
  const gop = Math.max(1, Math.round(((numerator / denominator) * LOOP_SECONDS) / 2));
  return { frames: 2 * gop, gop };
}

/** FFmpeg's arguments for a slate of this format on its stdout: a transport stream of the video, then of each audio track. */
export function slateArgs({ video, audio }: MediaFormat, font?: string): string[] {
  const inputs = [
    ...(video ? ['-f', 'lavfi', '-i', slatePicture(video, loopOf(video).frames, font)] : []),
    ...audio.flatMap(({ sampleRate, layout }) => [
      ...['-f', 'lavfi', '-t', `${SOUND_SECONDS}`, '-i', `anullsrc=r=${sampleRate}:cl=${layout}`],
    ]),
  ];
  return [
    ...inputs,
    ...(video ? ['-map', '0:v', '-frames:v', `${loopOf(video).frames}`, ...videoArgs(video)] : []),
    ...audio.flatMap((format, index) => [
      ...['-map', `${index + (video ? 1 : 0)}:a`],
      ...audioArgs(format, index),
    ]),
    // One audio frame per PES packet, so that any number of them can be played.
    ...['-f', 'mpegts', '-pes_payload_size', '0', '-muxdelay', '0', '-muxpreload', '0'],
    ...(audio.some(({ codec }) => codec === 'aac_latm') ? ['-mpegts_flags', '+latm'] : []),
    'pipe:1',
  ];
}

/** Whether there is an encoder for it (in an FFmpeg with the usual libraries). */
export function canEncode(format: AudioFormat | VideoFormat): boolean {
  return 'width' in format ? format.codec in VIDEO : format.codec in AUDIO;
}

/** Closed GOPs of one length and no B frames: any frame can be followed by the first one of the loop. */
function videoArgs(format: VideoFormat): string[] {
  const { gop } = loopOf(format);
  return VIDEO[format.codec]!(gop, format);
}

const VIDEO: Readonly<Record<string, (gop: number, format: VideoFormat) => string[]>> = {
  h264: (gop) => [
    ...['-c:v', 'libx264', '-threads', '1', '-preset', 'veryfast', '-crf', '24'],
    ...['-bf', '0', '-g', `${gop}`, '-keyint_min', `${gop}`, '-sc_threshold', '0'],
  ],
  hevc: (gop) => [
    ...['-c:v', 'libx265', '-preset', 'ultrafast', '-crf', '26', '-x265-params'],
    `log-level=none:keyint=${gop}:min-keyint=${gop}:scenecut=0:open-gop=0:bframes=0:aud=1:repeat-headers=1:pools=none:frame-threads=1`,
  ],
  mpeg2video: mpegVideo('mpeg2video'),
  mpeg1video: mpegVideo('mpeg1video'),
};

function mpegVideo(encoder: string) {
  return (gop: number, { width, height }: VideoFormat): string[] => {
    const kbps = Math.max(500, Math.round((width * height) / 500));
    return [
      ...['-c:v', encoder, '-threads', '1', '-b:v', `${kbps}k`, '-maxrate', `${kbps}k`],
      ...['-bufsize', `${Math.min(kbps, 1_800)}k`, '-bf', '0', '-g', `${gop}`],
      ...['-flags', '+cgop', '-sc_threshold', '1000000000'],
    ];
  };
}

function audioArgs(format: AudioFormat, index: number): string[] {
  const [encoder, kbps] = AUDIO[format.codec]!;
  return [`-c:a:${index}`, encoder, `-b:a:${index}`, `${kbps(format)}k`];
}

const isSurround = ({ layout }: AudioFormat): boolean => !['mono', 'stereo'].includes(layout);

/** Encoder and rate: silence needs none, but some formats have a least one. */
const AUDIO: Readonly<Record<string, readonly [string, (format: AudioFormat) => number]>> = {
  aac: ['aac', (format) => (isSurround(format) ? 256 : 96)],
  aac_latm: ['aac', (format) => (isSurround(format) ? 256 : 96)],
  mp2: ['mp2', ({ sampleRate }) => (sampleRate < 32_000 ? 96 : 128)],
  mp3: ['libmp3lame', () => 96],
  ac3: ['ac3', (format) => (isSurround(format) ? 448 : 192)],
  eac3: ['eac3', (format) => (isSurround(format) ? 384 : 128)],
};

/** Samples of one frame; for FFmpeg's encoders of these formats. */
export function frameSamples({ codec, sampleRate }: AudioFormat): number {
  if (codec === 'mp3') return sampleRate < 32_000 ? 576 : 1_152;
  return { mp2: 1_152, ac3: 1_536, eac3: 1_536 }[codec] ?? 1_024;
}

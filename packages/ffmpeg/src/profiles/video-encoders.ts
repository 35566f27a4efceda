import { KEYFRAMES_EVERY_2_S } from './live-defaults.ts';

export type VideoCodec = 'h264' | 'hevc';
/** Who encodes; `software` is libx264 and libx265. The others are the endings of FFmpeg's encoder names. */
export type EncoderFamily = 'software' | 'nvenc' | 'qsv' | 'vaapi' | 'videotoolbox';

export interface EncodeSettings {
  readonly codec: VideoCodec;
  readonly maxHeight?: number;
  readonly crf: number;
  readonly kbps: number;
  readonly pace: 'fastest' | 'instant' | 'patient';
}

/** The parts of a template that depend on who encodes. */
export interface EncodeArguments {
  /** Goes before `-i`. */
  readonly device?: string;
  /** Filters and encoder, after the maps. */
  readonly encode: string;
}

/**
 * Filters and encoder for a profile. Every family keeps to the same rules: a keyframe every 2 s that is an IDR picture
 * in a closed group (a viewer can start there), none elsewhere, a rate that never exceeds `video_bitrate` for longer
 * than a second, decoding in software (a source in a format the hardware cannot decode must not break a stream).
 */
export function encodeVideo(settings: EncodeSettings, family: EncoderFamily): EncodeArguments {
  const { codec, crf, kbps } = settings;
  const encoder = family === 'software' ? (codec === 'h264' ? 'libx264' : 'libx265') : `${codec}_${family}`;
  const rate = `-maxrate {video_bitrate|${kbps}k} -bufsize {video_bitrate|${kbps}k}`;
  const quality = `{crf|${crf}}`;
  const filters = filterChain(settings.maxHeight, family);
  const start = `-vf "${filters}" -c:v ${encoder}`;
  const keyframes = `-force_key_frames ${KEYFRAMES_EVERY_2_S} -g 600`;
  switch (family) {
    case 'software':
      return { encode: `${start} ${softwareOptions(settings)} -crf ${quality} ${rate} ${keyframes}` };
    case 'nvenc':
      return {
        encode: `${start} -preset p4 -tune ll -rc vbr -cq ${quality} ${rate} -bf 0 -forced-idr 1 -no-scenecut 1 ${keyframes}`,
      };
    case 'qsv':
      return {
        encode: `${start} -preset faster -global_quality ${quality} ${rate} -bf 0 -look_ahead 0 -forced_idr 1 ${keyframes}`,
      };
    case 'vaapi':
      return {
        device: '-vaapi_device /dev/dri/renderD128',
        encode: `${start} -rc_mode VBR -b:v {video_bitrate|${kbps}k} ${rate} -bf 0 ${keyframes}`,
      };
    case 'videotoolbox':
      return { encode: `${start} -realtime 1 -b:v {video_bitrate|${kbps}k} ${rate} -bf 0 ${keyframes}` };
  }
}

/** Only pictures marked as interlaced are deinterlaced; nothing is ever scaled up; sizes are even, as 4:2:0 needs. */
function filterChain(maxHeight: number | undefined, family: EncoderFamily): string {
  const scale =
    maxHeight === undefined
      ? 'scale=trunc(iw/2)*2:trunc(ih/2)*2'
      : `scale=-2:'trunc(min(${maxHeight},ih)/2)*2'`;
  const format =
    family === 'vaapi' ? 'format=nv12,hwupload' : family === 'qsv' ? 'format=nv12' : 'format=yuv420p';
  return `yadif=deint=interlaced,${scale},${format}`;
}

function softwareOptions({ codec, pace }: EncodeSettings): string {
  if (codec === 'hevc') {
    return '-preset superfast -tune zerolatency -forced-idr 1 -x265-params open-gop=0:scenecut=0:repeat-headers=1:log-level=error';
  }
  // x264's threads hold back a picture each unless they share one (as with zerolatency): bounded for `patient`.
  if (pace === 'patient') return '-preset fast -threads 4 -rc-lookahead 6 -bf 2 -sc_threshold 0';
  return `-preset ${pace === 'fastest' ? 'superfast' : 'veryfast'} -tune zerolatency -sc_threshold 0`;
}

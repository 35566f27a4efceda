import type { StreamVariant } from '@streampool/state';

type VariantFigures = Omit<StreamVariant, 'streamId' | 'name'>;

/** What packets and tables add to what encoders put out. */
const TS_OVERHEAD = 1.1;
/** How far above its average an encoder may go that was given no upper limit. */
const UNLIMITED_PEAK = 1.5;
/** FFmpeg's own for two channels of AAC; and the most that broadcasters use, where sound is passed on as it is. */
const ENCODED_AUDIO_BITS = 128_000;
const COPIED_AUDIO_BITS = 448_000;
/** Filters that leave a picture's size alone. */
const KEEPS_SIZE = /^(?:fps|format|hwupload|hwdownload|setsar|setdar|yadif|bwdif|setpts|null)(?:=|$)/;
/** H.264 profiles as RFC 6381 §3.3 writes them (profile_idc and constraint flags). */
const H264_PROFILES: Readonly<Record<string, string>> = { baseline: '42c0', main: '4d40', high: '6400' };

/**
 * What FFmpeg's arguments tell of a stream before it plays (RFC 8216 §4.3.4.2), and nothing that they do not: what is copied, or
 * depends on the size of the source, is left out.
 */
export function variantFigures(args: readonly string[]): VariantFigures {
  const option = (name: RegExp): string | undefined => {
    const at = args.findLastIndex((arg) => name.test(arg));
    return at < 0 ? undefined : args[at + 1];
  };
  const codec = (kind: 'v' | 'a'): string | undefined =>
    option(new RegExp(`^-(?:(?:c|codec)(?::${kind}(?::0)?)?|${kind}codec)$`));
  const hasVideo = !args.includes('-vn');
  const hasAudio = !args.includes('-an');
  const isCopied = hasVideo && codec('v') === 'copy';
  const limit = bits(option(/^-maxrate(?::v(?::0)?)?$/));
  const average = bits(option(/^-(?:b(?::v(?::0)?)?|vb)$/));
  const video = !hasVideo ? 0 : isCopied ? undefined : (limit ?? (average && average * UNLIMITED_PEAK));
  const audio = !hasAudio
    ? 0
    : codec('a') === 'copy'
      ? COPIED_AUDIO_BITS
      : (bits(option(/^-(?:b:a(?::0)?|ab)$/)) ?? ENCODED_AUDIO_BITS);
  const total = (picture: number): number => Math.round((picture + audio) * TS_OVERHEAD);
  const resolution =
    hasVideo && !isCopied ? sizeOf(option(/^-s(?::v)?$/), option(/^-(?:vf|filter:v)$/)) : undefined;
  const rate = Number(option(/^-r(?::v)?$/));
  const codecs = codecsOf({
    video: hasVideo ? h264(codec('v'), option(/^-profile:v$/), option(/^-level(?::v)?$/)) : '',
    audio: hasAudio
      ? codec('a') === 'aac' && option(/^-profile:a$/) === undefined
        ? 'mp4a.40.2'
        : undefined
      : '',
  });
  return {
    ...(video !== undefined && { bandwidth: total(video) }),
    ...(video !== undefined &&
      average !== undefined &&
      average < video && { averageBandwidth: total(average) }),
    ...(resolution !== undefined && { resolution }),
    ...(codecs !== undefined && { codecs }),
    ...(hasVideo && !isCopied && rate > 0 && { frameRate: rate }),
  };
}

/** Bit rates as FFmpeg reads them: `2500k`, `4M`, `128000`. */
function bits(text = ''): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  return Number(number) * (unit === '' ? 1 : unit.toLowerCase() === 'k' ? 1e3 : 1e6);
}

/** `-s` comes after all filters; of those the last one that changes the size decides. */
function sizeOf(size = '', filters = ''): string | undefined {
  if (/^\d{2,5}x\d{2,5}$/.test(size)) return size;
  const last = filters.split(',').findLast((filter) => !KEEPS_SIZE.test(filter.trim()));
  const [, width, height] =
    /^\s*scale=(?:w=)?(\d{2,5})(?::h=|:|x)(\d{2,5})(?::flags=\w+)?\s*$/.exec(last ?? '') ?? [];
  return width === undefined ? undefined : `${width}x${height}`;
}

/** Undefined: it cannot be known. */
function h264(codec = '', profile = '', level = ''): string | undefined {
  const known = /264/.test(codec) ? H264_PROFILES[profile] : undefined;
  const number = Math.round(Number(level) * (level.includes('.') ? 10 : 1));
  if (known === undefined || !(number >= 10 && number <= 62)) return undefined;
  return `avc1.${known}${number.toString(16).padStart(2, '0')}`;
}

/** All of them or none: players take what is not named for not there. Empty: there is no such track. */
function codecsOf({
  video,
  audio,
}: {
  video: string | undefined;
  audio: string | undefined;
}): string | undefined {
  if (video === undefined || audio === undefined) return undefined;
  return [video, audio].filter((name) => name !== '').join(',') || undefined;
}

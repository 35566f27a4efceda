import { type ElementaryStream, mainVideo, type ProgramMap } from '@streampool/mpegts';

/** How video is coded, as far as a decoder could tell a difference. */
export interface VideoFormat {
  /** FFmpeg's name. */
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio, `width:height` of a pixel. */
  readonly aspect: string;
  /** Frames per second, as a fraction. Of interlaced video: frames, not fields. */
  readonly rate: readonly [number, number];
  readonly bits: 8 | 10;
}

export interface AudioFormat {
  readonly codec: string;
  readonly sampleRate: number;
  /** FFmpeg's name of the channel layout. */
  readonly layout: string;
}

/** What is in a program: its main video and its audio tracks, in the order of `mediaStreams`. */
export interface MediaFormat {
  readonly video?: VideoFormat;
  readonly audio: readonly AudioFormat[];
}

/** The streams of a program that a slate takes the place of: its main video, then its audio tracks. */
export function mediaStreams(program: ProgramMap): { video?: ElementaryStream; audio: ElementaryStream[] } {
  const video = mainVideo(program);
  const audio = program.streams.filter(({ kind, codec }) => kind === 'audio' && codec !== 'other');
  return { ...(video && { video }), audio };
}

/** Arguments for FFmpeg to describe a sample on its stdout: what `parseFormat` reads. It decodes a picture or two. */
export function describeArgs(streams: readonly ElementaryStream[]): string[] {
  const maps = (list: readonly ElementaryStream[]): string[] =>
    list.flatMap(({ pid }) => ['-map', `0:i:${pid}`]);
  const videos = streams.filter(({ kind }) => kind === 'video');
  // The header of this format alone names frame rate and bit depth; of the other one codecs, sizes and channels.
  const picture = ['-frames:v', '0', '-strict', '-1', '-f', 'yuv4mpegpipe', 'pipe:1'];
  return [
    ...(videos.length > 0 ? [...maps(videos), ...picture] : []),
    ...[...maps(streams), '-c', 'copy', '-t', '0', '-f', 'framecrc', 'pipe:1'],
  ];
}

const LATM: ReadonlySet<string> = new Set(['aac-latm']);

/** Reads what FFmpeg said about `streams`. Undefined where something is missing: then it was not understood. */
export function parseFormat(
  description: string,
  streams: readonly ElementaryStream[],
): MediaFormat | undefined {
  const fields = new Map<string, string>();
  for (const [, name, value] of description.matchAll(/^#(\w+ \d+): (.+)$/gm)) fields.set(name!, value!);
  const picture = /^YUV4MPEG2 W\d+ H\d+ F(\d+):(\d+) I\S+ A\S+ C(\S+)/m.exec(description);
  let video: VideoFormat | undefined;
  const audio: AudioFormat[] = [];
  for (const [index, stream] of streams.entries()) {
    const codec = fields.get(`codec_id ${index}`);
    if (codec === undefined) return undefined;
    if (stream.kind === 'video') {
      const size = /^(\d+)x(\d+)$/.exec(fields.get(`dimensions ${index}`) ?? '');
      if (!size || !picture) return undefined;
      const [, numerator, denominator, chroma = ''] = picture;
      const aspect = fields.get(`sar ${index}`)?.replace('/', ':') ?? '1:1';
      video = {
        codec,
        width: Number(size[1]),
        height: Number(size[2]),
        aspect: /^0:/.test(aspect) ? '1:1' : aspect,
        rate: plausibleRate(Number(numerator), Number(denominator)),
        bits: chroma.endsWith('p10') ? 10 : 8,
      };
    } else {
      const sampleRate = Number(fields.get(`sample_rate ${index}`));
      const layout = fields.get(`channel_layout_name ${index}`);
      if (!(sampleRate > 0) || layout === undefined) return undefined;
      audio.push({ codec: LATM.has(stream.codec) ? 'aac_latm' : codec, sampleRate, layout });
    }
  }
  return { ...(video && { video }), audio };
}

/** A name for everything that makes a difference. */
export function formatKey({ video, audio }: MediaFormat): string {
  return [video ? videoKey(video) : '-', ...audio.map(audioKey)].join(' ');
}

export function audioKey({ codec, sampleRate, layout }: AudioFormat): string {
  return `${codec}/${sampleRate}/${layout}`;
}

function videoKey({ codec, width, height, aspect, rate, bits }: VideoFormat): string {
  return `${codec}/${width}x${height}/${aspect}/${rate.join(':')}/${bits}`;
}

/** Guesses of FFmpeg about short samples can be wild. */
function plausibleRate(numerator: number, denominator: number): readonly [number, number] {
  const rate = numerator / denominator;
  return rate >= 5 && rate <= 120 ? [numerator, denominator] : [25, 1];
}

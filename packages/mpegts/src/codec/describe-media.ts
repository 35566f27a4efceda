import { afterStartCode } from '../access/nal-units.ts';
import { collectPes, type PesUnit } from '../access/pes-units.ts';
import { mainVideo } from '../psi/main-stream.ts';
import { TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';
import { TsScanner } from '../ts-scanner.ts';
import type { Codec, ElementaryStream } from '../types.ts';
import { type H264Parameters, readH264Parameters } from './h264-parameters.ts';
import { readHevcSize } from './hevc-parameters.ts';
import { readSequenceSize } from './mpeg-sequence.ts';
import type { PictureSize } from './picture-size.ts';
import { readSound, type Sound } from './sound.ts';

/** What is in a stretch of a stream that begins with its tables and a keyframe. */
export interface MediaDescription {
  /** As RFC 6381 §3.3 names them, in the order of the program map; undefined where not all of them have a name here. */
  readonly codecs?: string;
  /** `1280x720`. */
  readonly resolution?: string;
  /** How long its main stream lasts, ms; 0 where it has one unit only. */
  readonly durationMs: number;
  /** Its main video. `framesPerSecond`: on average, where it has more than one picture. */
  readonly video?: { readonly codec: Codec; readonly framesPerSecond?: number };
  /** Its first sound track. */
  readonly audio?: Sound;
}

/** Reads whole packets in memory, such as a segment. Undefined: there is no program map, or no timestamp, in them. */
export function describeMedia(packets: Buffer): MediaDescription | undefined {
  const scanner = new TsScanner();
  scanner.scan(packets, 0);
  const { program } = scanner;
  if (!program) return undefined;
  const tracks = program.streams.filter(({ kind }) => kind === 'video' || kind === 'audio');
  const video = mainVideo(program);
  const main = video ?? tracks[0];
  const units = main ? collectPes(packets, main.pid) : [];
  const [first] = units;
  if (!main || !first) return undefined;
  const picture = video && pictureIn(video.codec, first.bytes);
  const audio = tracks.find(({ kind }) => kind === 'audio');
  const sounds = new Map<ElementaryStream, Buffer | undefined>();
  for (const track of tracks) {
    if (track !== audio && track.codec !== 'aac') continue;
    const [unit] = track === main ? units : collectPes(packets, track.pid);
    sounds.set(track, unit?.bytes.subarray(payloadOf(unit.bytes)));
  }
  const names = tracks.map((track) => codecName(track, { main, picture, frame: sounds.get(track) }));
  const durationMs = Math.round((1_000 * ticksOf(units)) / TICKS_PER_SECOND);
  return {
    durationMs,
    ...(picture && { resolution: `${picture.width}x${picture.height}` }),
    ...(names.every((name) => name !== undefined) && { codecs: [...new Set(names)].join(',') }),
    ...(video && {
      video: {
        codec: video.codec,
        ...(durationMs > 0 && {
          framesPerSecond: Math.round((100_000 * units.length) / durationMs) / 100,
        }),
      },
    }),
    ...(audio && { audio: readSound(audio.codec, sounds.get(audio)) }),
  };
}

/** From the first unit to the last, which is taken to be as long as the others are on average. */
function ticksOf(units: readonly PesUnit[]): number {
  const [first, last] = [units[0], units.at(-1)];
  if (!first || !last || first === last) return 0;
  return (tickDifference(last.dts, first.dts) * units.length) / (units.length - 1);
}

const READERS: Partial<
  Record<Codec, (unit: Uint8Array) => (PictureSize & Partial<H264Parameters>) | undefined>
> = {
  h264: readH264Parameters,
  hevc: readHevcSize,
  mpeg1video: readSequenceSize,
  mpeg2video: readSequenceSize,
};

function pictureIn(
  codec: Codec,
  pes: Buffer,
): (PictureSize & Partial<Pick<H264Parameters, 'profile'>>) | undefined {
  const read = READERS[codec];
  if (!read) return undefined;
  for (let at = afterStartCode(pes, payloadOf(pes)); at >= 0; at = afterStartCode(pes, at)) {
    const picture = read(pes.subarray(at));
    if (picture) return picture;
  }
  return undefined;
}

function codecName(
  track: ElementaryStream,
  {
    main,
    picture,
    frame,
  }: {
    main: ElementaryStream;
    picture: Partial<Pick<H264Parameters, 'profile'>> | undefined;
    frame: Buffer | undefined;
  },
): string | undefined {
  if (track === main && picture?.profile !== undefined) return `avc1.${picture.profile}`;
  if (track.codec === 'ac3') return 'ac-3';
  if (track.codec === 'eac3') return 'ec-3';
  if (track.codec !== 'aac' || !frame) return undefined;
  // ADTS (ISO/IEC 13818-7 §6.2): a sync word, then the profile, which is the object type less one.
  const isAdts = frame[0] === 0xff && ((frame[1] ?? 0) & 0xf6) === 0xf0;
  return isAdts ? `mp4a.40.${((frame[2] ?? 0) >> 6) + 1}` : undefined;
}

/** Behind the header of a PES packet (§2.4.3.6). */
function payloadOf(pes: Buffer): number {
  return 9 + (pes[8] ?? 0);
}

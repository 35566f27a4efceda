import { afterStartCode } from '../access/nal-units.ts';
import { collectPes, type PesUnit } from '../access/pes-units.ts';
import { mainVideo } from '../psi/main-stream.ts';
import { TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';
import { TsScanner } from '../ts-scanner.ts';
import type { ElementaryStream } from '../types.ts';
import { type H264Parameters, readH264Parameters } from './h264-parameters.ts';

/** What is in a stretch of a stream that begins with its tables and a keyframe. */
export interface MediaDescription {
  /** As RFC 6381 §3.3 names them, in the order of the program map; undefined where not all of them have a name here. */
  readonly codecs?: string;
  /** `1280x720`. */
  readonly resolution?: string;
  /** How long its main stream lasts, ms; 0 where it has one unit only. */
  readonly durationMs: number;
}

/** Reads whole packets in memory, such as a segment. Undefined: there is no program map, or no timestamp, in them. */
export function describeMedia(packets: Buffer): MediaDescription | undefined {
  const scanner = new TsScanner();
  scanner.scan(packets, 0);
  const { program } = scanner;
  if (!program) return undefined;
  const tracks = program.streams.filter(({ kind }) => kind === 'video' || kind === 'audio');
  const main = mainVideo(program) ?? tracks[0];
  const units = main ? collectPes(packets, main.pid) : [];
  const [first] = units;
  if (!main || !first) return undefined;
  const picture = main.codec === 'h264' ? parametersIn(first.bytes) : undefined;
  const names = tracks.map((track) =>
    track.pid === main.pid && picture
      ? `avc1.${picture.profile}`
      : track.kind === 'audio'
        ? soundName(track, packets)
        : undefined,
  );
  return {
    durationMs: Math.round((1_000 * ticksOf(units)) / TICKS_PER_SECOND),
    ...(picture && { resolution: `${picture.width}x${picture.height}` }),
    ...(names.every((name) => name !== undefined) && { codecs: [...new Set(names)].join(',') }),
  };
}

/** From the first unit to the last, which is taken to be as long as the others are on average. */
function ticksOf(units: readonly PesUnit[]): number {
  const [first, last] = [units[0], units.at(-1)];
  if (!first || !last || first === last) return 0;
  return (tickDifference(last.dts, first.dts) * units.length) / (units.length - 1);
}

function parametersIn(pes: Buffer): H264Parameters | undefined {
  for (let at = afterStartCode(pes, payloadOf(pes)); at >= 0; at = afterStartCode(pes, at)) {
    const parameters = readH264Parameters(pes.subarray(at));
    if (parameters) return parameters;
  }
  return undefined;
}

function soundName(track: ElementaryStream, packets: Buffer): string | undefined {
  if (track.codec === 'ac3') return 'ac-3';
  if (track.codec === 'eac3') return 'ec-3';
  const [first] = track.codec === 'aac' ? collectPes(packets, track.pid) : [];
  if (!first) return undefined;
  // ADTS (ISO/IEC 13818-7 §6.2): a sync word, then the profile, which is the object type less one.
  const at = payloadOf(first.bytes);
  const isAdts = first.bytes[at] === 0xff && ((first.bytes[at + 1] ?? 0) & 0xf6) === 0xf0;
  return isAdts ? `mp4a.40.${((first.bytes[at + 2] ?? 0) >> 6) + 1}` : undefined;
}

/** Behind the header of a PES packet (§2.4.3.6). */
function payloadOf(pes: Buffer): number {
  return 9 + (pes[8] ?? 0);
}

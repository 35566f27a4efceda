import { buildTables, type ElementaryStream, type ProgramMap } from '@streampool/mpegts';
import type { Sample } from '../sample-decoder.ts';

const PEAK = 'lavfi.astats.Overall.Peak_level';
/** A line or two per frame of audio, of which there are 50 a second at the most. */
const OUTPUT_BYTES_PER_SECOND = 16 * 1024;

/**
 * What FFmpeg has to do with an excerpt of an audio track to measure it: the loudest sample of any channel, written
 * once per frame, as it stands so far. (The filter's metadata is an interface; what silencedetect logs is not.)
 */
export function soundSample(
  map: ProgramMap,
  audio: ElementaryStream,
  packets: Buffer,
  durationMs: number,
): Sample {
  const tables = buildTables({ ...map, pcrPid: audio.pid, streams: [audio] });
  const measure = 'astats=metadata=1:measure_perchannel=none:measure_overall=Peak_level';
  const print = `ametadata=mode=print:key=${PEAK}:file=pipe\\\\:1`;
  return {
    packets: Buffer.concat([tables, packets]),
    args: ['-map', '0:a:0', '-af', `${measure},${print}`, '-f', 'null', '-'],
    maxOutputBytes: Math.ceil((durationMs / 1_000) * OUTPUT_BYTES_PER_SECOND) + OUTPUT_BYTES_PER_SECOND,
  };
}

/** The loudest sample in dB below full scale (-Infinity: all are zero) from FFmpeg's output; undefined if nothing was decoded. */
export function peakOf(output: Buffer): number | undefined {
  const text = output.toString('latin1');
  const at = text.lastIndexOf(`${PEAK}=`);
  if (at < 0) return undefined;
  const value = text.slice(at + PEAK.length + 1).split('\n', 1)[0]!;
  if (value === '-inf') return Number.NEGATIVE_INFINITY;
  const peak = Number.parseFloat(value);
  return Number.isFinite(peak) ? peak : undefined;
}

import { collectOutput, type ShortRun } from './collect-output.ts';

export interface EncodeBytesOptions extends ShortRun {
  /** Inputs that FFmpeg makes itself (`-f lavfi`), filters, encoders and output; what goes to `pipe:1` comes back. */
  readonly args: readonly string[];
}

/** Making something for later must not take the processor from anybody. */
const NICENESS = 19;

/**
 * Lets one short-lived FFmpeg make something out of nothing, at the lowest priority. It may open nothing but its pipe and
 * what its filters name (a font). Its process group is gone when this settles.
 * @returns what it wrote to stdout
 * @throws StreampoolError FFMPEG_FAILED, FFMPEG_STALLED after the deadline, FFMPEG_MISSING
 */
export function encodeBytes(options: EncodeBytesOptions): Promise<Buffer> {
  return collectOutput({
    niceness: NICENESS,
    ...options,
    late: 'FFmpeg was not done within',
    failed: 'FFmpeg could not encode it',
  });
}

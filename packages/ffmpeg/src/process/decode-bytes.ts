import { collectOutput, type ShortRun } from './collect-output.ts';

export interface DecodeBytesOptions extends ShortRun {
  /** What is decoded: a transport stream in memory, given to FFmpeg through its stdin. */
  readonly input: Buffer;
  /** Filters and output; what goes to `pipe:1` comes back. */
  readonly args: readonly string[];
}

const SOURCE = ['-protocol_whitelist', 'pipe', '-f', 'mpegts', '-i', 'pipe:0', '-filter_threads', '1'];

/**
 * Runs one short-lived FFmpeg over bytes in memory, at low priority and on one thread. It may open nothing but its pipes.
 * Its process group is gone when this settles.
 * @returns what it wrote to stdout
 * @throws StreampoolError FFMPEG_FAILED, FFMPEG_STALLED after the deadline, FFMPEG_MISSING
 */
export function decodeBytes(options: DecodeBytesOptions): Promise<Buffer> {
  return collectOutput({
    ...options,
    args: ['-threads', '1', ...SOURCE, ...options.args],
    late: 'FFmpeg decoded nothing within',
    failed: 'FFmpeg could not decode a sample of the source',
  });
}

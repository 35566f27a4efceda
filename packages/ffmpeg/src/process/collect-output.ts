import { StreampoolError } from '@streampool/errors';
import { runToEnd } from '@streampool/processes';
import { ffmpegMissing } from '../check-ffmpeg.ts';

/** What every FFmpeg is told that works for seconds at the most. */
export interface ShortRun {
  readonly ffmpegPath: string;
  /** A child that writes more is killed. */
  readonly maxOutputBytes: number;
  /** A child that takes longer is killed, in ms. */
  readonly deadlineMs: number;
  /** Kills the child. */
  readonly signal?: AbortSignal;
  /** 0 to 19. Default 10: looking at a picture must not take the processor from delivering it. */
  readonly niceness?: number;
}

export interface CollectOutputOptions extends ShortRun {
  /** Given to FFmpeg through its stdin. */
  readonly input?: Buffer;
  /** Everything after the program's own arguments. */
  readonly args: readonly string[];
  /** What it did not do within the deadline, and could not do, for the errors. */
  readonly late: string;
  readonly failed: string;
}

const NICENESS = 10;

/**
 * Runs one short-lived FFmpeg, at low priority, and collects what it writes to stdout. Its process group is gone when this
 * settles.
 * @throws StreampoolError FFMPEG_FAILED, FFMPEG_STALLED after the deadline, FFMPEG_MISSING
 */
export async function collectOutput(options: CollectOutputOptions): Promise<Buffer> {
  const { ffmpegPath, args, late, failed, niceness = NICENESS, ...run } = options;
  const result = await runToEnd({
    ...run,
    ...{ program: ffmpegPath, niceness },
    args: ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'fatal', ...args],
  });
  switch (result.outcome) {
    case 'ended':
      return result.stdout;
    case 'missing':
      throw ffmpegMissing(ffmpegPath);
    case 'late':
      throw new StreampoolError('FFMPEG_STALLED', `${late} ${options.deadlineMs / 1_000} s`);
    case 'failed':
      throw new StreampoolError('FFMPEG_FAILED', failed, {
        info: result.signal ? { signal: result.signal } : { exitCode: result.exitCode ?? -1 },
      });
  }
}

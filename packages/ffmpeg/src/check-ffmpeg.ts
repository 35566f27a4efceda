import { StreampoolError } from '@streampool/errors';
import { runToEnd } from '@streampool/processes';

export interface FfmpegVersion {
  /** As it calls itself: `5.1.9-0+deb12u1`, `7.1`, `n6.1-12-gabcdef`. */
  readonly version: string;
  readonly path: string;
}

const DEADLINE_MS = 5_000;

/**
 * Runs FFmpeg once to see that it is there and is FFmpeg.
 * @param path a name looked for in PATH, or a path
 * @throws StreampoolError FFMPEG_MISSING, with what to install
 */
export async function checkFfmpeg(path: string): Promise<FfmpegVersion> {
  const { stdout, outcome } = await runToEnd({
    program: path,
    args: ['-version'],
    deadlineMs: DEADLINE_MS,
    maxOutputBytes: 100_000,
    niceness: 0,
  });
  const version = /^ffmpeg version (\S+)/m.exec(stdout.toString())?.[1];
  if (outcome !== 'ended' || version === undefined) throw ffmpegMissing(path);
  return { version, path };
}

/** What to say when FFmpeg cannot be run. */
export function ffmpegMissing(path: string): StreampoolError {
  return new StreampoolError(
    'FFMPEG_MISSING',
    `FFmpeg cannot be run as '${path}': install it (Debian: apt install ffmpeg) or set its path`,
  );
}

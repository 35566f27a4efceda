import { StreampoolError } from '@streampool/errors';
import { childEnvironment } from '@streampool/processes';
import { execa } from 'execa';

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
  const { stdout, failed } = await execa(path, ['-version'], {
    stdin: 'ignore',
    reject: false,
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
    extendEnv: false,
    env: childEnvironment(),
    maxBuffer: 100_000,
  });
  const version = /^ffmpeg version (\S+)/m.exec(stdout ?? '')?.[1];
  if (failed || version === undefined) throw ffmpegMissing(path);
  return { version, path };
}

/** What to say when FFmpeg cannot be run. */
export function ffmpegMissing(path: string): StreampoolError {
  return new StreampoolError(
    'FFMPEG_MISSING',
    `FFmpeg cannot be run as '${path}': install it (Debian: apt install ffmpeg) or set its path`,
  );
}

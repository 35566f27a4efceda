import { setPriority } from 'node:os';
import { StreampoolError } from '@streampool/errors';
import { childEnvironment, deathSignalPrefix, signalGroup } from '@streampool/processes';
import { execa } from 'execa';
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
const MAX_STDERR_BYTES = 8 * 1024;

/**
 * Runs one short-lived FFmpeg, at low priority, and collects what it writes to stdout. Its process group is gone when this
 * settles.
 * @throws StreampoolError FFMPEG_FAILED, FFMPEG_STALLED after the deadline, FFMPEG_MISSING
 */
export async function collectOutput(options: CollectOutputOptions): Promise<Buffer> {
  const { ffmpegPath, input, args, maxOutputBytes, deadlineMs, signal } = options;
  const program = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'fatal'];
  const command = [...deathSignalPrefix(), ffmpegPath, ...program, ...args];
  const child = execa(command[0]!, command.slice(1), {
    ...(input ? { input } : { stdin: 'ignore' }),
    encoding: 'buffer',
    reject: false,
    detached: true,
    cleanup: false,
    maxBuffer: { stdout: maxOutputBytes, stderr: MAX_STDERR_BYTES },
    extendEnv: false,
    env: childEnvironment(),
    cwd: '/',
  });
  const { pid } = child;
  // Whatever a wrapper around FFmpeg has started holds our pipes open: the group, not the child, must go.
  const kill = (): void => {
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, deadlineMs);
  signal?.addEventListener('abort', kill, { once: true });
  if (signal?.aborted) kill();
  if (pid !== undefined) {
    child.nodeChildProcess.once('exit', kill);
    lowerPriority(pid, options.niceness ?? NICENESS);
  }
  const result = await child;
  clearTimeout(timer);
  signal?.removeEventListener('abort', kill);
  if (!result.failed)
    return Buffer.from(result.stdout.buffer, result.stdout.byteOffset, result.stdout.length);
  if (result.code === 'ENOENT' || result.code === 'EACCES') throw ffmpegMissing(ffmpegPath);
  const stderr = Buffer.from(result.stderr ?? []).toString();
  if (/^setpriv: failed to execute/m.test(stderr)) throw ffmpegMissing(ffmpegPath);
  if (isLate) throw new StreampoolError('FFMPEG_STALLED', `${options.late} ${deadlineMs / 1_000} s`);
  throw new StreampoolError('FFMPEG_FAILED', options.failed, {
    info: result.signal ? { signal: result.signal } : { exitCode: result.exitCode ?? -1 },
  });
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    if (niceness > 0) setPriority(pid, niceness);
  } catch {
    // Already gone, or not allowed to: it then runs as we do.
  }
}

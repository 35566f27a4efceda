import { setPriority } from 'node:os';
import { execa } from 'execa';
import { childEnvironment, deathSignalPrefix } from './launch.ts';
import { signalGroup } from './process-group.ts';

export interface RunToEndOptions {
  /** A path, or a name that is looked for in PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the little that every child gets; see `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Given to the child through its stdin. */
  readonly input?: Buffer;
  /** A child that writes more to stdout is killed. */
  readonly maxOutputBytes: number;
  /** A child that takes longer is killed, in ms. */
  readonly deadlineMs: number;
  /** Kills the child. */
  readonly signal?: AbortSignal;
  /** 0 to 19: how far its priority is below ours. */
  readonly niceness: number;
}

export interface RunResult {
  /** `ended`: by itself, with status 0. */
  readonly outcome: 'ended' | 'failed' | 'late' | 'missing';
  readonly stdout: Buffer;
  /** Its first 8 KB. */
  readonly stderr: string;
  readonly exitCode?: number;
  readonly signal?: string;
}

const MAX_STDERR_BYTES = 8 * 1024;

/** Runs one short-lived child and collects what it writes. Its process group is gone when this settles. Never rejects. */
export async function runToEnd(options: RunToEndOptions): Promise<RunResult> {
  const { program, args, env, input, maxOutputBytes, deadlineMs, signal, niceness } = options;
  const [file = program, ...rest] = [...deathSignalPrefix(), program, ...args];
  const child = execa(file, rest, {
    ...(input ? { input } : { stdin: 'ignore' }),
    encoding: 'buffer',
    reject: false,
    detached: true,
    cleanup: false,
    maxBuffer: { stdout: maxOutputBytes, stderr: MAX_STDERR_BYTES },
    extendEnv: false,
    env: { ...childEnvironment(), ...env },
    cwd: '/',
  });
  const { pid } = child;
  // Whatever a wrapper around the program has started holds our pipes open: the group, not the child, must go.
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
    lowerPriority(pid, niceness);
  }
  const result = await child;
  clearTimeout(timer);
  signal?.removeEventListener('abort', kill);
  const stdout = result.stdout ?? Buffer.alloc(0);
  const stderr = Buffer.from(result.stderr ?? []).toString();
  const isMissing =
    result.code === 'ENOENT' || result.code === 'EACCES' || /^setpriv: failed to execute/m.test(stderr);
  return {
    outcome: !result.failed ? 'ended' : isMissing ? 'missing' : isLate ? 'late' : 'failed',
    stdout: Buffer.from(stdout.buffer, stdout.byteOffset, stdout.length),
    stderr,
    ...(result.exitCode !== undefined && { exitCode: result.exitCode }),
    ...(result.signal !== undefined && { signal: result.signal }),
  };
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    if (niceness > 0) setPriority(pid, niceness);
  } catch {
    // Already gone, or not allowed to: it then runs as we do.
  }
}

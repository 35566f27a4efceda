import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface RunResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: Buffer;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The child is killed after this many ms, and the run rejects. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end and resolves with what it wrote, whatever its exit code. Rejects if it cannot be started or takes too long. */
export function run(
  command: string,
  args: readonly string[],
  { input, cwd, env, timeoutMs = 100_000 }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // a program may exit without reading all of its input
    child.stdin.end(input);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const stderr = Buffer.concat(err).toString();
      if (late)
        reject(new Error(`${command} was still running after ${timeoutMs} ms: ${stderr.slice(-500)}`));
      else resolve({ code, stdout: Buffer.concat(out), stderr });
    });
  });
}

/** The same, but an exit code other than 0 rejects with the end of stderr. */
export async function runOk(
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.code !== 0)
    throw new Error(
      `${command} ${args.join(' ')} exited with ${result.code}: ${result.stderr.slice(-1_000)}`,
    );
  return result;
}

const SETPRIV = '/usr/bin/setpriv';

/**
 * The command line as one whose process is sent SIGTERM when its parent dies, however that comes about, so that a test
 * run that is killed leaves no server behind. Unchanged where util-linux is not installed. The pid is the command's own.
 */
export function endsWithParent(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM', ...command] : command;
}

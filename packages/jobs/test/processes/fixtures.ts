import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a pool's FFmpeg is told, as far as anybody looks at it. */
const MARKS = ['-progress', 'pipe:3', '-i', 'http://127.0.0.1:9/token'];

/** A process that lives until it is killed, and has a child of its own in its group. Prints both pids. */
const LIVES_ON = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  if (process.argv.includes('deaf')) process.on('SIGTERM', () => {});
  setInterval(() => {}, 1e6);
  console.log(JSON.stringify([process.pid, child.pid]));
`;

/** Starts the process above in a group of its own and passes its line on. */
const STARTS_IT = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', process.argv[1], '--', ...process.argv.slice(2)], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.once('data', (line) => console.log(String(line).trim()));
  setInterval(() => {}, 1e6);
`;

export interface Family {
  /** Stands for the worker. */
  readonly parent: ChildProcess;
  /** Stands for FFmpeg: leader of its group. */
  readonly pid: number;
  readonly childPid: number;
  /** For the end of the test: kills whatever is left. */
  end(): void;
}

export async function startFamily(
  options: { deaf?: boolean; marks?: readonly string[] } = {},
): Promise<Family> {
  const { deaf = false, marks = MARKS } = options;
  const parent = spawn(process.execPath, ['-e', STARTS_IT, LIVES_ON, ...marks, ...(deaf ? ['deaf'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const [pid, childPid] = JSON.parse(String(line)) as [number, number];
  return {
    parent,
    pid,
    childPid,
    end: () => {
      parent.kill('SIGKILL');
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // Already gone, as it should be.
      }
    },
  };
}

/** Kills the parent the hard way and waits until it is gone. */
export async function killHard(parent: ChildProcess): Promise<void> {
  const gone = once(parent, 'exit');
  parent.kill('SIGKILL');
  await gone;
}

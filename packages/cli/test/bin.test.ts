import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive, waitFor } from '@streampool/testkit';

const COMMAND = fileURLToPath(new URL('../bin/streampool', import.meta.url));

/** A Node of this machine that is too old to run the sources. */
const oldNode = (process.env.PATH ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'node'))
  .find((path) => {
    if (!existsSync(path)) return false;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    return Number(/^v(\d+)/.exec(stdout)?.[1] ?? 99) < 24;
  });

const nodes: [name: string, path: string][] = [['the Node of the workspace', process.execPath]];
if (oldNode !== undefined) nodes.push(['an older Node', oldNode]);

let directory = '';
let started: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampool-bin-'));
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  rmSync(directory, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, HOST: '127.0.0.1', PORT: '0', STREAMPOOL_DATA_DIR: join(directory, 'data') };
}

interface Served {
  readonly child: ChildProcess;
  /** The process that serves: the one that was started, or one that it has started. */
  readonly pid: number;
  readonly exited: Promise<number | string>;
  stderr(): string;
}

async function serve(node: string): Promise<Served> {
  const readyFile = join(directory, 'ready.json');
  const child = spawn(node, [COMMAND, 'serve', '--ready-file', readyFile], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.push(child);
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const isReady = (): boolean => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${stderr}`);
    return existsSync(readyFile) && readFileSync(readyFile, 'utf8').endsWith('\n');
  };
  await waitFor(isReady, {
    timeoutMs: 60_000,
    what: () => `the server being ready:\n${stderr}`,
  });
  const { pid, url } = JSON.parse(readFileSync(readyFile, 'utf8')) as { pid: number; url: string };
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  return { child, pid, exited, stderr: () => stderr };
}

describe.each(nodes)('started by %s', (_name, node) => {
  test('it answers, and keeps exit codes', () => {
    const version = spawnSync(node, [COMMAND, '--version'], { env: environment(), encoding: 'utf8' });
    expect(version).toMatchObject({ status: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const wrong = spawnSync(node, [COMMAND, 'serve'], {
      env: { ...environment(), PORT: 'abc' },
      encoding: 'utf8',
    });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toBe(
      'streampool: PORT cannot be "abc" (from the environment): it must be a whole number from 0 to 65535\n',
    );
  });

  test('a signal ends it in order', async () => {
    const { child, pid, exited, stderr } = await serve(node);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(isAlive(pid)).toBe(false);
    const last = JSON.parse(stderr().trim().split('\n').at(-1)!);
    expect(last).toMatchObject({ msg: 'ended' });
  });

  test('Ctrl-C, which reaches the whole group, is one signal', async () => {
    const { child, pid, exited, stderr } = await serve(node);
    process.kill(pid, 'SIGINT');
    if (pid !== child.pid) child.kill('SIGINT');
    expect(await exited).toBe(0);
    expect(stderr()).not.toContain('ending at once');
  });
});

(oldNode === undefined ? test.skip : test)('a wrapper that is killed takes the server with it', async () => {
  const { child, pid } = await serve(oldNode!);
  expect(pid).not.toBe(child.pid);
  child.kill('SIGKILL');
  await waitFor(() => !isAlive(pid), { what: 'the server ending with its wrapper' });
});

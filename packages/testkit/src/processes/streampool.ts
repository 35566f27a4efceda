import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProcessInfo, processesWithPath } from './census.ts';
import { endsWithParent } from './run.ts';
import { waitFor } from './wait-for.ts';

const COMMAND = fileURLToPath(new URL('../../../cli/bin/streampool', import.meta.url));
const TIMER_COUNT = new URL('./timer-count.ts', import.meta.url).href;
const KEPT_LOG_BYTES = 4 * 1024 * 1024;

export interface StreampoolOptions {
  /** Added to a minimal environment; undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Arguments of the command; `['serve']` by default. */
  readonly args?: readonly string[];
  /** Kept when the process is stopped, to start another one on the same state. By default a directory of its own, removed at the end. */
  readonly dataDir?: string;
  readonly port?: number;
  readonly readyTimeoutMs?: number;
  /** Watches the server's timers, for {@link StreampoolProcess.countTimers}. Costs CPU. */
  readonly watchTimers?: boolean;
}

export interface StreampoolProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  /** What it has written so far (stdout and stderr; the newest 4 MB). */
  logs(): string;
  /** Everything that it started and that is alive, orphans of a killed parent included; without itself. */
  offspring(): ProcessInfo[];
  /** SIGTERM, and SIGKILL after `timeoutMs`. Resolves with the exit code (null: by signal). Idempotent. */
  stop(timeoutMs?: number): Promise<number | null>;
  /** SIGKILL, without a chance to tidy up. Resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Timers that are alive in the server's main thread. Only with `watchTimers`. */
  countTimers(): Promise<number>;
  readonly exited: Promise<number | null>;
  /** False once it has ended, for whatever reason. */
  readonly running: boolean;
}

/** Runs the real command as a process of its own and resolves when it says that it is ready to serve. */
export async function startStreampool({
  env = {},
  args = ['serve'],
  dataDir,
  port,
  readyTimeoutMs = 100_000,
  watchTimers = false,
}: StreampoolOptions = {}): Promise<StreampoolProcess> {
  // Leads nowhere, and is found in the environment of everything that this process starts.
  const mark = `/nonexistent/${randomUUID()}`;
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), 'streampool-'));
  const ownPort = port ?? (await freePort());
  const timerFile = join(directory, 'timer-count');
  const { PATH, HOME, TMPDIR } = process.env;
  const environment: Record<string, string | undefined> = {
    ...{ PATH, HOME, TMPDIR, NODE_ENV: 'test', LOG_LEVEL: 'debug' },
    ...{
      HOST: '127.0.0.1',
      PORT: `${ownPort}`,
      STREAMPOOL_DATA_DIR: directory,
    },
    ...(watchTimers ? { NODE_OPTIONS: `--import ${TIMER_COUNT}`, TIMER_COUNT_FILE: timerFile } : {}),
    ...env,
  };
  environment.PATH = `${environment.PATH}:${mark}`;
  const [program, ...programArgs] = endsWithParent([process.execPath, COMMAND, ...args]);
  const child = spawn(program, programArgs, {
    env: Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)),
    cwd: directory, // where no .env of a developer is
    stdio: ['ignore', 'pipe', 'pipe'],
  });

  const log: Buffer[] = [];
  let logBytes = 0;
  const keep = (chunk: Buffer): void => {
    log.push(chunk);
    logBytes += chunk.length;
    while (logBytes > KEPT_LOG_BYTES) logBytes -= log.shift()!.length;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const logs = (): string => Buffer.concat(log).toString();

  let ended = false;
  const exited = new Promise<number | null>((resolve) => {
    child.on('error', () => {});
    child.on('close', (code) => {
      ended = true;
      resolve(code);
    });
  });
  const offspring = (): ProcessInfo[] => processesWithPath(mark).filter((info) => info.pid !== child.pid);
  const tidy = (): void => {
    if (dataDir === undefined) rmSync(directory, { recursive: true, force: true });
  };
  const streampool: StreampoolProcess = {
    url: `http://127.0.0.1:${ownPort}`,
    port: ownPort,
    pid: child.pid ?? -1,
    dataDir: directory,
    logs,
    offspring,
    exited,
    get running() {
      return !ended;
    },
    signal: (signal) => {
      child.kill(signal);
    },
    async countTimers() {
      rmSync(timerFile, { force: true });
      child.kill('SIGUSR2');
      const count = await waitFor(() => existsSync(timerFile) && readFileSync(timerFile, 'utf8').trim());
      return Number(count);
    },
    async stop(timeoutMs = 30_000) {
      if (!ended) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      const code = await exited;
      clearTimeout(timer);
      tidy();
      return code;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      tidy();
    },
  };

  try {
    await waitFor(
      async () => {
        if (ended) throw new Error(`streampool ended before it was ready:\n${logs().slice(-4_000)}`);
        const answer = await fetch(`${streampool.url}/readyz`).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.status === 200;
      },
      {
        timeoutMs: readyTimeoutMs,
        everyMs: 50,
        what: () => `streampool being ready:\n${logs().slice(-4_000)}`,
      },
    );
  } catch (error) {
    await streampool.kill();
    throw error;
  }
  return streampool;
}

/** Below the ports that the system gives out by itself, to connections above all (Linux: from 32768 on). */
const FIRST_PORT = 15_000;
const PORTS = 17_000;

/**
 * A port of 127.0.0.1 at which nobody listens, and that nobody is given by chance while it is not listened at: a server
 * that is started again finds its port free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const server = createServer();
    const listening = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(FIRST_PORT + Math.floor(Math.random() * PORTS), '127.0.0.1', () => resolve(true));
    });
    if (!(await listening)) continue;
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error('no port is free');
}

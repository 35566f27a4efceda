import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import {
  isRunning,
  type RunningNode,
  readClusterFile,
  removeClusterFile,
  writeClusterFile,
} from './cluster-file.ts';

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/streampool', import.meta.url));
const READY_MS = 60_000;
const REDIS = 'redis';

export interface UpOptions {
  readonly gateways: number;
  readonly workers: number;
  /** Of the first gateway; the others follow on it. Absent: the system chooses all. */
  readonly port?: number;
}

/** Runs a cluster until it is told to stop. Resolves with the exit code. */
export async function up(options: UpOptions): Promise<number> {
  const former = await readClusterFile();
  if (former && isRunning(former.pid)) {
    process.stderr.write(
      `streampool: a cluster runs already (process ${former.pid}): scripts/cluster down\n`,
    );
    return 1;
  }
  const children: Child[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'streampool-cluster-'));
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ask());
  try {
    const stopped = asked.then(() => 'stopped' as const);
    if ((await Promise.race([start(options, children, directory), stopped])) !== 'stopped') await stopped;
    return 0;
  } catch (error) {
    process.stderr.write(`streampool: ${(error as Error).message}\n`);
    return 1;
  } finally {
    // Redis last: nodes sign off from it.
    await Promise.all(children.filter(({ name }) => name !== REDIS).map((node) => node.stop()));
    await children.find(({ name }) => name === REDIS)?.stop();
    await removeClusterFile();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function start(
  { gateways, workers, port }: UpOptions,
  children: Child[],
  directory: string,
): Promise<void> {
  const redisUrl = process.env.REDIS_URL || (await startRedis(children, directory));
  const internalToken = process.env.INTERNAL_TOKEN || randomBytes(24).toString('base64url');
  let next = port;
  const node = async (role: 'gateway' | 'worker', index: number): Promise<RunningNode> => {
    const id = `${role}-${index + 1}`;
    const ownPort = next === undefined ? await freePort() : next++;
    const child = new Child(id, [process.execPath, COMMAND, role], {
      HOST: '127.0.0.1',
      ...process.env,
      REDIS_URL: redisUrl,
      INTERNAL_TOKEN: internalToken,
      WORKER_ID: id,
      PORT: `${ownPort}`,
    });
    children.push(child);
    void child.exited.then((how) => process.stderr.write(`${id}  has ended: ${how}\n`));
    const url = `http://127.0.0.1:${ownPort}`;
    await until(() => isReady(url), child);
    return { id, pid: child.pid, url };
  };
  const all = await Promise.all([
    ...Array.from({ length: gateways }, (_, i) => node('gateway', i)),
    ...Array.from({ length: workers }, (_, i) => node('worker', i)),
  ]);
  const cluster = {
    pid: process.pid,
    redisUrl,
    gateways: all.slice(0, gateways),
    workers: all.slice(gateways),
  };
  const path = await writeClusterFile(cluster);
  for (const { id, url } of all) process.stdout.write(`${id.padEnd(12)} ${url}\n`);
  process.stdout.write(`The cluster is ready (${path}). Ctrl-C stops it.\n`);
}

async function startRedis(children: Child[], directory: string): Promise<string> {
  const port = await freePort();
  const args = ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no'];
  const command = ['redis-server', ...args, '--dir', directory, '--loglevel', 'warning'] as const;
  const redis = new Child(REDIS, command, process.env);
  children.push(redis);
  await until(() => accepts(port), redis);
  return `redis://127.0.0.1:${port}/0`;
}

async function until(condition: () => Promise<boolean>, child: Child): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (!(await condition())) {
    if (!child.running) throw new Error(`${child.name} has ended: ${await child.exited}`);
    if (performance.now() > deadline)
      throw new Error(`${child.name} is not ready after ${READY_MS / 1000} s`);
    await sleep(50);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A port at which nobody listened a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

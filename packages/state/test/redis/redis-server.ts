import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RedisServer {
  readonly directory: string;
  readonly process: ChildProcess;
  /** SIGKILL, and its directory is removed. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;

/** A `redis-server` of the test's own, without persistence, in a directory of its own. Resolves once it accepts connections at `at`. */
export async function startRedis(
  args: (directory: string) => readonly string[],
  at: (directory: string) => NetConnectOpts,
): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'streampool-redis-'));
  const child = spawn('redis-server', [...args(directory)], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const failed = new Promise<never>((_, reject) => {
    child.once('error', () =>
      reject(new Error('these tests need redis-server (Debian: apt install redis-server)')),
    );
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
  });
  failed.catch(() => {});
  await Promise.race([failed, accepts(at(directory))]);
  return {
    directory,
    process: child,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Listens on a unix socket only: no port can be taken by somebody else. */
export async function startLocalRedis(): Promise<
  RedisServer & { readonly url: string; readonly path: string }
> {
  const path = (directory: string): string => join(directory, 'redis.sock');
  const server = await startRedis(
    (directory) => ['--port', '0', '--unixsocket', path(directory), '--save', '', '--appendonly', 'no'],
    (directory) => ({ path: path(directory) }),
  );
  return { ...server, path: path(server.directory), url: `unix://${path(server.directory)}` };
}

async function accepts(at: NetConnectOpts): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const socket = createConnection(at);
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(10);
    } finally {
      socket.destroy();
    }
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

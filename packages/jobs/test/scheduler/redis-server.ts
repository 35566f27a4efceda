import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A `redis-server` of the test's own on a unix socket, without persistence; it can be killed and started again. */
export class RedisServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'streampool-jobs-'));
  readonly path = join(this.#directory, 'redis.sock');
  readonly url = `unix://${this.path}`;
  #process: ChildProcess | undefined;

  async start(): Promise<void> {
    const args = ['--port', '0', '--unixsocket', this.path, '--save', '', '--appendonly', 'no'];
    this.#process = spawn('redis-server', args, {
      cwd: this.#directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const deadline = Date.now() + 10_000;
    for (;;) {
      const socket = createConnection(this.path);
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

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

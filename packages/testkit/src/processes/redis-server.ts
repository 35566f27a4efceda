import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { endsWithParent } from './run.ts';
import { freePort } from './streampool.ts';
import { waitFor } from './wait-for.ts';

export interface RedisServerOptions {
  /** `unix` (default): a socket in a directory of its own, which nobody else can take. `tcp`: a port of 127.0.0.1. */
  readonly listen?: 'unix' | 'tcp';
  /** The port, with `tcp`: one that is free by default. */
  readonly port?: number;
  /** Arguments after the others, for a server with a password, a master, … */
  readonly args?: readonly string[];
  /** As a sentinel, which must have a configuration file to keep what it learns. */
  readonly sentinel?: boolean;
}

/**
 * A real `redis-server` of a test's own, without persistence: whenever it is started it is empty. It keeps its address
 * over `kill()` and `start()`, so that clients meet a server that has lost its memory.
 */
export class RedisServer {
  readonly directory = mkdtempSync(join(tmpdir(), 'streampool-redis-'));
  /** As REDIS_URL has it. */
  readonly url: string;
  /** As `net.connect` has it. */
  readonly address: NetConnectOpts;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number | undefined, { args = [], sentinel = false }: RedisServerOptions) {
    const socket = join(this.directory, 'redis.sock');
    const where =
      port === undefined
        ? ['--port', '0', '--unixsocket', socket]
        : ['--port', `${port}`, '--bind', '127.0.0.1'];
    const file = join(this.directory, 'sentinel.conf');
    if (sentinel) writeFileSync(file, '');
    const role = sentinel ? [file, '--sentinel'] : ['--save', '', '--appendonly', 'no'];
    this.#args = [...role, ...where, ...args];
    this.url = port === undefined ? `unix://${socket}` : `redis://127.0.0.1:${port}`;
    this.address = port === undefined ? { path: socket } : { port, host: '127.0.0.1' };
  }

  /** Resolves when it accepts connections. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const port = options.listen === 'tcp' ? (options.port ?? (await freePort())) : undefined;
    const server = new RedisServer(port, options);
    await server.start();
    return server;
  }

  /** @throws Error when it does not run */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('redis-server does not run');
    return this.#child.pid;
  }

  /** The port it listens on. @throws Error when it listens on a unix socket */
  get port(): number {
    if ('port' in this.address && this.address.port) return this.address.port;
    throw new Error('this redis-server listens on a unix socket');
  }

  /** Runs it, empty, at the same address. Resolves when it accepts connections; does nothing if it runs. */
  async start(): Promise<void> {
    if (this.#child) return;
    const [program, ...args] = endsWithParent(['redis-server', ...this.#args]);
    const child = spawn(program, args, { cwd: this.directory, stdio: ['ignore', 'ignore', 'inherit'] });
    this.#child = child;
    let ended: string | undefined;
    child.once('error', ({ message }) => {
      ended = `${message} (Debian: apt install redis-server)`;
    });
    child.once('exit', (code, signal) => {
      ended = `it ended with ${code ?? signal}`;
    });
    await waitFor(
      async () => {
        if (ended !== undefined) throw new Error(`these tests need redis-server: ${ended}`);
        return accepts(this.address);
      },
      { everyMs: 10, what: 'redis-server accepting connections' },
    );
  }

  /** SIGKILL: what it held is lost. Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP: it stands still, its connections stay open and are not answered, until {@link continue}. */
  stop(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  continue(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** One command without blanks in its words, over a connection of its own. Resolves with the raw reply. */
  async command(...words: readonly string[]): Promise<string> {
    const socket = connect(this.address);
    socket.setTimeout(20_000, () => socket.destroy(new Error(`redis-server did not answer ${words[0]}`)));
    socket.write(`${words.join(' ')}\r\nQUIT\r\n`);
    const reply = await text(socket);
    return reply.replace(/\+OK\r\n$/, '').trimEnd();
  }

  /** Forgets everything, and goes on running. */
  async flush(): Promise<void> {
    await this.command('FLUSHALL');
  }

  /** Ends it and removes its directory. Idempotent. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function accepts(address: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

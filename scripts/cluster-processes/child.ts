import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

const STOP_MS = 15_000;
const SETPRIV = '/usr/bin/setpriv';

/** A process of the cluster. Its output goes to stderr, each line with its name. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  #ended = false;
  readonly exited: Promise<string>;

  constructor(name: string, command: readonly [string, ...string[]], env: NodeJS.ProcessEnv) {
    this.name = name;
    // Where there is setpriv the kernel ends it with this process, however that ends: nothing is left behind.
    const tied = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM', ...command] : command;
    const [program = '', ...args] = tied;
    // A group of its own: Ctrl-C reaches this process, which ends the others in order.
    this.#process = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.exited = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(error.message));
      this.#process.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    void this.exited.then(() => {
      this.#ended = true;
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = (lines.pop() ?? '').slice(-64 * 1024);
        for (const line of lines) if (line !== '') process.stderr.write(`${name}  ${line}\n`);
      });
    }
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** SIGTERM, and SIGKILL when that is not enough. Idempotent. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    if (!this.#ended) await Promise.race([once(this.#process, 'exit'), this.exited]);
    clearTimeout(timer);
  }
}

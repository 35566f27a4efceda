import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ProviderPlan } from './provider-main.ts';

interface ProviderAnswer {
  readonly connections: number;
  readonly current: number;
  readonly most: number;
}

/** A provider in a process of its own. */
export class ProviderProcess {
  readonly port: number;
  /** Rate of a stream at real-time pace. */
  readonly kbps: number;
  readonly #child: ChildProcess;
  #closing = false;

  private constructor(child: ChildProcess, { port, kbps }: { port: number; kbps: number }) {
    this.#child = child;
    child.once('exit', (code) => {
      if (this.#closing) return;
      console.error(`the provider ended with code ${code}`);
      process.exit(1);
    });
    this.port = port;
    this.kbps = kbps;
  }

  static async start(plan: ProviderPlan): Promise<ProviderProcess> {
    const child = fork(new URL('./provider-main.ts', import.meta.url));
    child.send(plan);
    const [ready] = (await once(child, 'message')) as [{ port: number; kbps: number }];
    return new ProviderProcess(child, ready);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** TCP connections it holds now. */
  async connections(): Promise<number> {
    return (await this.#ask('connections')).connections;
  }

  /** Counts the most viewers at once from now on. */
  async watch(): Promise<void> {
    await this.#ask('watch');
  }

  /** Who watches its live paths now, and the most at once since `watch`. */
  async audience(): Promise<{ readonly current: number; readonly most: number }> {
    return this.#ask('connections');
  }

  /** One question at a time. */
  async #ask(order: 'connections' | 'watch'): Promise<ProviderAnswer> {
    this.#child.send(order);
    const [answer] = (await once(this.#child, 'message')) as [ProviderAnswer];
    return answer;
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { HlsProviderCounts, HlsProviderPlan } from './hls-provider-main.ts';

/** See hls-provider-main.ts. */
export class HlsProviderProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(plan: HlsProviderPlan): Promise<HlsProviderProcess> {
    const child = fork(new URL('./hls-provider-main.ts', import.meta.url));
    child.send(plan);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new HlsProviderProcess(child, port);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Counts from now on. */
  watch(): Promise<HlsProviderCounts> {
    return this.#ask('watch');
  }

  look(): Promise<HlsProviderCounts> {
    return this.#ask('look');
  }

  async #ask(order: string): Promise<HlsProviderCounts> {
    this.#child.send(order);
    const [counts] = (await once(this.#child, 'message')) as [HlsProviderCounts];
    return counts;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

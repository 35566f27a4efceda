import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { HlsAudienceReport, HlsLoad } from './hls-audience.ts';
import type { HlsAudienceOrder } from './hls-audience-main.ts';

/** Viewers of HLS in a process of their own, so that what they cost is not measured with the server. One order at a time. */
export class HlsAudienceProcess {
  readonly #child: ChildProcess = fork(new URL('./hls-audience-main.ts', import.meta.url));
  #closing = false;

  constructor() {
    this.#child.on('exit', (code) => {
      if (this.#closing) return;
      console.error(`the audience ended with code ${code}`);
      process.exit(1);
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async #order(order: HlsAudienceOrder): Promise<HlsAudienceReport> {
    this.#child.send(order);
    const [report] = (await once(this.#child, 'message')) as [HlsAudienceReport];
    return report;
  }

  start(load: HlsLoad): Promise<HlsAudienceReport> {
    return this.#order({ order: 'start', load });
  }

  /** Counts from now on. */
  reset(): Promise<HlsAudienceReport> {
    return this.#order({ order: 'reset' });
  }

  report(): Promise<HlsAudienceReport> {
    return this.#order({ order: 'report' });
  }

  /** All hang up. */
  stop(): Promise<HlsAudienceReport> {
    return this.#order({ order: 'stop' });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

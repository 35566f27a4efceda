import { type ChildProcess, fork } from 'node:child_process';
import type { AudienceReport, ConnectOptions } from './audience.ts';
import type { AudienceOrder } from './audience-main.ts';

interface AudienceAnswer {
  readonly report: AudienceReport;
  readonly gaps: readonly number[];
}

/** Viewers in a process of their own, so that what they cost is not measured with the server. */
export class AudienceProcess {
  readonly #child: ChildProcess = fork(new URL('./audience-main.ts', import.meta.url));
  readonly #waiting = new Map<number, (answer: AudienceAnswer) => void>();
  #orders = 0;
  #closing = false;

  constructor() {
    this.#child.on('message', ({ id, ...answer }: AudienceAnswer & { id: number }) => {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
    this.#child.on('exit', (code) => {
      if (this.#closing) return;
      console.error(`the audience ended with code ${code}`);
      process.exit(1);
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async #order(order: AudienceOrder): Promise<AudienceReport> {
    return (await this.#ask(order)).report;
  }

  #ask(order: AudienceOrder): Promise<AudienceAnswer> {
    const id = this.#orders++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, ...order });
    });
  }

  /** Resolves when each viewer has its first byte or has failed. */
  connect(options: ConnectOptions): Promise<AudienceReport> {
    return this.#order({ order: 'connect', options });
  }

  disconnect(options: { group?: string; count?: number } = {}): Promise<AudienceReport> {
    return this.#order({ order: 'disconnect', options });
  }

  reset(): Promise<AudienceReport> {
    return this.#order({ order: 'reset' });
  }

  report(): Promise<AudienceReport> {
    return this.#order({ order: 'report' });
  }

  /** Of each viewer, the longest time without bytes since the last reset, one that lasts included; ms. */
  async gaps(): Promise<readonly number[]> {
    return (await this.#ask({ order: 'gaps' })).gaps;
  }

  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null) return resolve();
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }
}

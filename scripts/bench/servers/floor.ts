import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { FloorPlan } from './floor-main.ts';

/** See floor-main.ts. */
export class Floor {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(plan: FloorPlan): Promise<Floor> {
    const child = fork(new URL('./floor-main.ts', import.meta.url));
    child.send(plan);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Floor(child, port);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Fault } from '@streampool/testkit';
import type { FaultyProviderOrder, FaultyProviderPlan, ProviderCounts } from './faulty-provider-main.ts';

/** A provider of live streams in a process of its own, whose running connections and coming answers go wrong on demand. */
export class FaultyProvider {
  readonly paths: readonly string[];
  readonly #port: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (counts: ProviderCounts) => void>();
  #orders = 0;
  #closing = false;

  private constructor(child: ChildProcess, port: number, paths: readonly string[]) {
    this.#child = child;
    this.#port = port;
    this.paths = paths;
    child.on('message', ({ id, counts }: { id: number; counts: ProviderCounts }) => {
      this.#waiting.get(id)?.(counts);
      this.#waiting.delete(id);
    });
    child.once('exit', (code) => {
      if (this.#closing) return;
      console.error(`the provider ended with code ${code}`);
      process.exit(1);
    });
  }

  static async start(plan: FaultyProviderPlan): Promise<FaultyProvider> {
    const child = fork(new URL('./faulty-provider-main.ts', import.meta.url));
    child.send(plan);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new FaultyProvider(child, port, plan.paths);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** Resets the running connections of a path. */
  async cut(path: string): Promise<void> {
    await this.#tell({ order: 'cut', path });
  }

  /** Silences the running connections of a path; new ones play. */
  async stall(path: string): Promise<void> {
    await this.#tell({ order: 'stall', path });
  }

  /** What every new request of a path gets, until `repair`. */
  async fault(path: string, fault: Fault): Promise<void> {
    await this.#tell({ order: 'fault', path, fault });
  }

  /** New requests are answered well again: of one path, or of all. */
  async repair(path?: string): Promise<void> {
    await this.#tell({ order: 'repair', ...(path !== undefined && { path }) });
  }

  /** Counts the most connections at once from now on. */
  async watch(): Promise<void> {
    await this.#tell({ order: 'watch' });
  }

  counts(): Promise<ProviderCounts> {
    return this.#tell({ order: 'look' });
  }

  /** The path that is being watched now; undefined where none is. */
  async playing(): Promise<string | undefined> {
    const { byPath } = await this.counts();
    return this.paths.find((path) => byPath[path]! > 0);
  }

  #tell(order: FaultyProviderOrder): Promise<ProviderCounts> {
    const id = this.#orders++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, ...order });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

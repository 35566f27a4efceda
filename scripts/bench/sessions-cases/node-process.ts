import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { NodeOrder, NodeResult } from './node-main.ts';

/** One order takes no longer than this, ms. */
const TIMEOUT_MS = 60_000;

/** A node of the sessions bench, in a process of its own. One order at a time. */
export class NodeProcess {
  readonly #child: ChildProcess = fork(new URL('./node-main.ts', import.meta.url));

  /** @throws if it ends, or takes too long */
  async obey(order: NodeOrder): Promise<NodeResult | undefined> {
    const ended = new AbortController();
    const end = (): void => ended.abort(new Error('a node of the bench has ended'));
    this.#child.once('exit', end);
    try {
      const answered = once(this.#child, 'message', {
        signal: AbortSignal.any([ended.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      this.#child.send(order);
      const [answer] = (await answered) as [{ result?: NodeResult }];
      return answer.result;
    } finally {
      this.#child.off('exit', end);
    }
  }

  async measure(order: NodeOrder & { readonly order: 'load' | 'flood' | 'idle' }): Promise<NodeResult> {
    const result = await this.obey(order);
    if (!result) throw new Error('a node of the bench measured nothing');
    return result;
  }

  /** It closes its store, and ends. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

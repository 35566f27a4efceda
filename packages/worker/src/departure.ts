import type { WorkerStatus } from '@streampool/state';
import type { Drain } from './drain.ts';

export interface DepartureOptions {
  /** A drain that has not begun: one for every order. */
  readonly drain: () => Pick<Drain, 'run'>;
  /** Nobody new is let in. */
  readonly leave: () => void;
  /** Everybody is let in again. */
  readonly stay: () => void;
  /** What an operator ordered is done, and cannot be taken back any more: the process shall end. */
  readonly onEmptied: () => void;
}

/**
 * Whether a worker is on its way out. An operator's order empties it and then ends it, and may be taken back until it is
 * empty; the end of the process may not. Whatever comes first, at most one drain runs at a time.
 */
export class Departure {
  readonly #options: DepartureOptions;
  #isOrdered = false;
  /** Nothing can be taken back from here on. */
  #isFinal = false;
  #isEmptied = false;
  #current: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** What the cluster wants of this worker has changed. */
  wanted(status: WorkerStatus): void {
    const isOrdered = status === 'draining';
    if (this.#isFinal || this.#isOrdered === isOrdered) return;
    this.#isOrdered = isOrdered;
    if (isOrdered) {
      this.#options.leave();
      this.#running ??= this.#obey();
    } else {
      this.#options.stay();
      this.#current?.abort();
    }
  }

  /**
   * The process ends: resolves when the worker is empty, or its drain was given up, which `signal` hurries. A drain that an
   * operator ordered is gone on with. Never rejects.
   */
  async finish(signal: AbortSignal): Promise<void> {
    this.#isFinal = true;
    const hurry = (): void => this.#current?.abort();
    signal.addEventListener('abort', hurry, { once: true });
    // One that is being taken back ends soon, and was not what is wanted now.
    await this.#running;
    if (!this.#isEmptied && !signal.aborted) await this.#options.drain().run(signal);
    signal.removeEventListener('abort', hurry);
  }

  async #obey(): Promise<void> {
    // An order that was taken back may have been given again before its drain had ended.
    while (this.#isOrdered && !this.#isEmptied) {
      const current = new AbortController();
      this.#current = current;
      await this.#options.drain().run(current.signal);
      if (current.signal.aborted) {
        if (this.#isFinal) break;
        continue;
      }
      this.#isEmptied = true;
    }
    this.#current = undefined;
    this.#running = undefined;
    if (!this.#isEmptied || this.#isFinal) return;
    this.#isFinal = true;
    this.#options.onEmptied();
  }
}

import type { ClusterEvent } from '@streampool/state';

/** What one listener has yet to take, within a budget. */
export class Listener {
  readonly #most: number;
  #waiting: ClusterEvent[] = [];
  #overflowed = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(most: number) {
    this.#most = most;
  }

  /** There was more than the budget: what is waiting is not all that happened. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  push(events: readonly ClusterEvent[]): void {
    if (this.#waiting.length + events.length > this.#most) {
      this.#overflowed = true;
      this.#waiting = [];
    }
    if (!this.#overflowed) this.#waiting.push(...events);
    this.#wake();
  }

  /** Forgets what is waiting: whoever listens reads it elsewhere. */
  clear(): void {
    this.#waiting = [];
    this.#overflowed = false;
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Everything that is waiting, at least one event; none when it has overflowed or the signal is aborted. @throws what it was failed with */
  async take(signal: AbortSignal): Promise<ClusterEvent[]> {
    while (this.#waiting.length === 0 && !this.#overflowed && !signal.aborted) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return this.#waiting.splice(0);
  }
}

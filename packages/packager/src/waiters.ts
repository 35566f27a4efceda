import type { Clock } from '@streampool/streaming';

interface Waiter {
  readonly isReady: () => boolean;
  readonly settle: (outcome: 'ready' | 'late' | Error) => void;
}

/** Requests that wait for something to come. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Something has come: looks who waited for it. */
  look(): void {
    for (const waiter of [...this.#waiting]) if (waiter.isReady()) waiter.settle('ready');
  }

  /** Nothing will come. */
  fail(error: Error): void {
    for (const waiter of [...this.#waiting]) waiter.settle(error);
  }

  /** False if it did not come in time. @throws what `fail` said, or the reason of the signal */
  until(isReady: () => boolean, patienceMs: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (isReady()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiter.settle(signal.reason as Error);
      const waiter: Waiter = {
        isReady,
        settle: (outcome) => {
          this.#waiting.delete(waiter);
          cancel();
          signal.removeEventListener('abort', onAbort);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome === 'ready');
        },
      };
      const cancel = this.#clock.after(patienceMs, () => waiter.settle('late'));
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(waiter);
    });
  }
}

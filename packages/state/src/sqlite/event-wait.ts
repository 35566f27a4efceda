import { LIMITS } from '../limits.ts';

/** How often it is looked whether another process has written, ms: SQLite tells nobody. */
const LOOK_MS = 200;

/**
 * Waiting for what SQLite does not announce: this connection's own writes wake the waiters, those of other processes are
 * found by looking.
 */
export class EventWait {
  readonly #waking = new Set<() => void>();
  #closed = false;

  /** Something was written here. */
  wake(): void {
    for (const wake of [...this.#waking]) wake();
  }

  /** What `read` gives once it is not empty, or after `waitMs` whatever it gives. @throws what `read` throws */
  async until<T>(read: () => T[], waitMs: number): Promise<T[]> {
    const deadline = performance.now() + Math.min(waitMs, LIMITS.eventWaitMs);
    for (;;) {
      const found = read();
      const leftMs = deadline - performance.now();
      if (found.length > 0 || leftMs <= 0 || this.#closed) return found;
      await this.#nap(Math.min(LOOK_MS, leftMs));
    }
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }

  #nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waking.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waking.add(done);
    });
  }
}

import { StreampoolError } from '@streampool/errors';

interface Waiting {
  readonly grant: () => void;
}

/** At most so many at once; who waits is served in turn. */
export class Permits {
  #most: number;
  #taken = 0;
  readonly #waiting: Waiting[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get most(): number {
    return this.#most;
  }

  set most(most: number) {
    this.#most = most;
    this.#serve();
  }

  /**
   * Resolves with the giving back, which is idempotent.
   * @throws StreampoolError CAPACITY_EXHAUSTED after `patienceMs`; the signal's reason
   */
  take(patienceMs: number, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#taken < this.#most) return Promise.resolve(this.#grant());
    return new Promise((resolve, reject) => {
      const leave = (error: unknown): void => {
        done();
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(error);
      };
      const onAbort = (): void => leave(signal?.reason);
      const timer = setTimeout(
        () =>
          leave(
            new StreampoolError(
              'CAPACITY_EXHAUSTED',
              'all connections of the stream to its provider are in use',
            ),
          ),
        patienceMs,
      );
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const entry: Waiting = {
        grant: () => {
          done();
          resolve(this.#grant());
        },
      };
      signal?.addEventListener('abort', onAbort);
      this.#waiting.push(entry);
    });
  }

  #grant(): () => void {
    this.#taken += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= 1;
      this.#serve();
    };
  }

  #serve(): void {
    while (this.#taken < this.#most && this.#waiting.length > 0) this.#waiting.shift()?.grant();
  }
}

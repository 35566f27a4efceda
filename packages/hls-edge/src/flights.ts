import { StreampoolError } from '@streampool/errors';
import type { Clock } from '@streampool/streaming';

/** One question that is being answered, for all who ask it. */
export class Flight<T> {
  readonly promise: Promise<T>;
  readonly #abort = new AbortController();
  readonly #onOver: (flight: Flight<T>) => void;
  #waiting = 0;
  #isWanted = false;

  /** `onOver`: nobody is to wait for it any more, since it has been answered or is given up. */
  constructor(ask: (signal: AbortSignal) => Promise<T>, onOver: (flight: Flight<T>) => void) {
    this.#onOver = onOver;
    this.promise = ask(this.#abort.signal).finally(() => {
      // What was asked for may still be coming in.
      this.#isWanted = true;
      onOver(this);
    });
    this.promise.catch(() => {});
  }

  /** It is gone on with though nobody waits: the next one who asks will be glad of it. */
  keep(): void {
    this.#isWanted = true;
  }

  /** Whoever asks the same from now on asks anew: what is given up may take a while to end, and ends with an error. */
  abort(): void {
    this.#abort.abort();
    this.#onOver(this);
  }

  /**
   * Who leaves does not end it for the others; the last one does. Undefined: it has been waited for as long as `patience` says, and
   * goes on. @throws StreampoolError STREAM_STOPPED when the signal is aborted, and what the question ends with
   */
  async wait(
    signal: AbortSignal,
    patience?: { readonly clock: Clock; readonly ms: number },
  ): Promise<T | undefined> {
    const { promise: over, resolve, reject } = Promise.withResolvers<undefined>();
    const cancel = patience?.clock.after(patience.ms, () => resolve(undefined));
    const leave = (): void => reject(new StreampoolError('STREAM_STOPPED', 'the viewer has left'));
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    this.#waiting += 1;
    try {
      const answer = await Promise.race([this.promise, over]);
      if (answer === undefined) this.#isWanted = true;
      return answer;
    } finally {
      cancel?.();
      signal.removeEventListener('abort', leave);
      this.#waiting -= 1;
      if (this.#waiting === 0 && !this.#isWanted) this.abort();
    }
  }
}

/** Questions that are being answered, each once however many ask it. */
export class Flights<T> {
  readonly #running = new Map<string, Flight<T>>();

  get size(): number {
    return this.#running.size;
  }

  get(key: string): Flight<T> | undefined {
    return this.#running.get(key);
  }

  start(key: string, ask: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flight = new Flight(ask, (over) => {
      if (this.#running.get(key) === over) this.#running.delete(key);
    });
    this.#running.set(key, flight);
    return flight;
  }

  abort(): void {
    for (const flight of this.#running.values()) flight.abort();
  }
}

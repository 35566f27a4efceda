import type { StreampoolError } from '@streampool/errors';
import type { Clock } from './clock.ts';

export interface Waiting<T> {
  readonly who: T;
  /** Called once it is their turn. */
  readonly attach: () => void;
  readonly settle: (error?: StreampoolError) => void;
}

export interface WaitOptions<T> {
  readonly who: T;
  readonly attach: () => void;
  /** Ends the waiting when its `close` event says that they have gone. */
  readonly until: NodeJS.EventEmitter;
  readonly patienceMs: number;
  /** What they are told when their patience has ended. */
  readonly tooLate: () => StreampoolError;
  /** They have given up, or it was too late. */
  readonly onLeave: () => void;
}

/** Those who wait for the first picture of one stream. */
export class WaitingRoom<T> {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** In the order of their coming. */
  all(): Waiting<T>[] {
    return [...this.#waiting];
  }

  /** Resolves when they are let in, or have gone. */
  wait({ who, attach, until, patienceMs, tooLate, onLeave }: WaitOptions<T>): Promise<void> {
    return new Promise((resolve, reject) => {
      const onGone = (): void => {
        waiting.settle();
        onLeave();
      };
      const waiting: Waiting<T> = {
        who,
        attach,
        settle: (error) => {
          this.#waiting.delete(waiting);
          cancelDeadline();
          until.off('close', onGone);
          if (error) reject(error);
          else resolve();
        },
      };
      const cancelDeadline = this.#clock.after(patienceMs, () => {
        waiting.settle(tooLate());
        onLeave();
      });
      until.once('close', onGone);
      this.#waiting.add(waiting);
    });
  }
}

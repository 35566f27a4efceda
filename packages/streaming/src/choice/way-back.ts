import type { Clock } from '../clock.ts';

export interface WayBackOptions {
  readonly clock: Clock;
  /** A source that has played for so long has lasted: there is no way back from it any more; ms. */
  readonly forMs: number;
}

/** The source that was left for another one, for as long as that one has not lasted. */
export interface Left {
  readonly index: number;
  /** It was left for the primary, which was only gone back to. */
  readonly isFailback: boolean;
}

/** Where to go if the source that has just taken over does not last. */
export class WayBack {
  readonly #options: WayBackOptions;
  #left: (Left & { readonly untilMs: number }) | undefined;

  constructor(options: WayBackOptions) {
    this.#options = options;
  }

  /** From now on what plays is on trial. */
  open(left: Left): void {
    const { clock, forMs } = this.#options;
    this.#left = { ...left, untilMs: clock.now() + forMs };
  }

  /** Undefined where the source of that index is not on trial. */
  from(index: number): Left | undefined {
    if (!this.#left || this.#left.index === index) return undefined;
    return this.#options.clock.now() < this.#left.untilMs ? this.#left : undefined;
  }

  /** The trial is over. False if there was none. */
  close(): boolean {
    const wasOpen = this.#left !== undefined;
    this.#left = undefined;
    return wasOpen;
  }
}

/** Between a probe that was not answered and the next one; ms. */
const PAUSE_MS = 50;

/**
 * What a silent Redis costs its callers: the first ones wait their full deadline, all others learn at once that it does
 * not answer, until a probe is answered. Nothing but probes is sent meanwhile, so a server that stood still does not find
 * minutes of stale steps in its buffers when it moves on.
 */
export class Patience {
  readonly #probe: () => Promise<unknown>;
  #lost = false;
  #closed = false;
  #answered: Promise<void> = Promise.resolve();
  #resolve = (): void => {};

  /** `probe` must settle within a deadline of its own. */
  constructor(probe: () => Promise<unknown>) {
    this.#probe = probe;
  }

  /** True while it is known not to answer. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Resolves once it answers again. */
  get answered(): Promise<void> {
    return this.#answered;
  }

  /** Somebody waited in vain. */
  lose(): void {
    if (this.#lost || this.#closed) return;
    this.#lost = true;
    this.#answered = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    void this.#probeUntilAnswered();
  }

  /** It has answered something. */
  regain(): void {
    this.#lost = false;
    this.#resolve();
  }

  close(): void {
    this.#closed = true;
    this.regain();
  }

  async #probeUntilAnswered(): Promise<void> {
    while (this.#lost && !this.#closed) {
      try {
        await this.#probe();
        this.regain();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
}

/** Growing delays with jitter, so that a thousand pools of one dead provider do not come back in step. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = { random: Math.random, ...options };
  }

  /** The delay before the next attempt in ms: none before the first, then doubling, each shortened by up to a half. */
  next(): number {
    const step = this.#failures;
    this.#failures += 1;
    if (step === 0) return 0;
    const full = Math.min(this.#options.maxMs, this.#options.firstMs * 2 ** (step - 1));
    return full * (1 - this.#options.random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}

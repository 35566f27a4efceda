import type { Clock } from '@streampool/streaming';

export interface PulseOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly intervalMs: number;
  /** How long a wish to be heard soon may wait for others like it. */
  readonly soonMs: number;
  /** One beat. False: it was not heard, and is tried again with growing delays. Must not reject. */
  readonly beat: (full: boolean) => Promise<boolean>;
}

/** First delay after a beat that was not heard; doubles up to the interval. */
export const FIRST_RETRY_MS = 250;
const JITTER = 0.1;

/**
 * When to beat: a full one every interval, a small one soon after something changed, one at a time, and slower while
 * nobody hears. All nodes of a cluster beat at their own moments (jitter), so that the store's work is spread.
 */
export class Pulse {
  readonly #options: PulseOptions;
  #cancelFull: () => void = () => {};
  #cancelSoon: () => void = () => {};
  #soonIsSet = false;
  #changedMeanwhile = false;
  #running: Promise<void> | undefined;
  #unheard = 0;
  #stopped = false;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Beats that were not heard since the last that was. */
  get unheard(): number {
    return this.#unheard;
  }

  /** Beats at once, fully, and goes on by itself. Resolves after that first beat. */
  async start(): Promise<void> {
    await this.#beat(true);
  }

  /** Something changed. While nobody hears, it waits for the next try. */
  soon(): void {
    // A beat under way may have looked already; whether it is heard, and another one makes sense, is seen at its end.
    if (this.#running) this.#changedMeanwhile = true;
    else this.#armSoon();
  }

  /** No further beat; resolves when the one under way has ended. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelFull();
    this.#cancelSoon();
    await this.#running;
  }

  async #beat(full: boolean): Promise<void> {
    // One after the other: a later beat must not overtake an earlier one that knows less.
    while (this.#running) await this.#running;
    if (this.#stopped) return;
    this.#running = this.#beatOnce(full);
    await this.#running;
  }

  async #beatOnce(full: boolean): Promise<void> {
    this.#changedMeanwhile = false;
    const heard = await this.#options.beat(full);
    this.#unheard = heard ? 0 : this.#unheard + 1;
    this.#running = undefined;
    if (this.#stopped) return;
    if (this.#changedMeanwhile) this.#armSoon();
    if (!heard) this.#schedule(this.#retryDelay());
    else if (full) this.#schedule(this.#jittered(this.#options.intervalMs));
  }

  #armSoon(): void {
    if (this.#soonIsSet || this.#stopped || this.#unheard > 0) return;
    this.#soonIsSet = true;
    this.#cancelSoon = this.#options.clock.after(this.#options.soonMs, () => {
      this.#soonIsSet = false;
      void this.#beat(false);
    });
  }

  #schedule(ms: number): void {
    this.#cancelFull();
    this.#cancelFull = this.#options.clock.after(ms, () => void this.#beat(true));
  }

  #retryDelay(): number {
    const { intervalMs, random } = this.#options;
    const full = Math.min(intervalMs, FIRST_RETRY_MS * 2 ** Math.min(this.#unheard - 1, 16));
    // At least half: a store that comes back must not meet all nodes at once, nor be hammered by any.
    return full * (0.5 + random() / 2);
  }

  #jittered(ms: number): number {
    return ms * (1 - JITTER * this.#options.random());
  }
}

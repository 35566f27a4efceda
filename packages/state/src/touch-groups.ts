import type { SessionState, SessionTouch, TouchAnswer } from './sessions.ts';

interface Waiting {
  readonly touch: SessionTouch;
  readonly resolve: (answer: TouchAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export interface TouchGroupsOptions {
  readonly state: Pick<SessionState, 'touchSessions'>;
  readonly node: string;
  /** None waits longer than this, and there is hardly more than one call in such a time; ms. */
  readonly withinMs?: number;
  /** The most of one call. */
  readonly most?: number;
}

/** Timers are a millisecond late at the least: what is to go that soon goes now. */
const SOON_MS = 1;

/**
 * Touches that come at about the same time are one call of the store: one script of Redis, one message to the thread of SQLite,
 * whatever their number. One that comes after a while of silence goes at once; what comes within `withinMs` of a call waits for
 * the end of that time, and no longer. Where that is near, whoever comes takes those who wait along: it has woken the process
 * already, and waking it by a timer costs more than the touches do.
 */
export class TouchGroups {
  readonly #state: Pick<SessionState, 'touchSessions'>;
  readonly #node: string;
  readonly #withinMs: number;
  readonly #most: number;
  #waiting: Waiting[] = [];
  #sentMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor({ state, node, withinMs = 4, most = 256 }: TouchGroupsOptions) {
    this.#state = state;
    this.#node = node;
    this.#withinMs = withinMs;
    this.#most = most;
  }

  /** @throws StreampoolError STATE_UNAVAILABLE */
  touch(touch: SessionTouch): Promise<TouchAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ touch, resolve, reject });
      if (this.#waiting.length >= this.#most) this.#send();
      else if (!this.#immediate) this.#plan();
    });
  }

  #plan(): void {
    const waitMs = this.#sentMs + this.#withinMs - performance.now();
    // Others of this moment still come along.
    if (waitMs <= SOON_MS) this.#immediate = setImmediate(() => this.#send());
    else this.#timer ??= setTimeout(() => this.#send(), Math.floor(waitMs));
  }

  #send(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#sentMs = performance.now();
    const group = this.#waiting;
    this.#waiting = [];
    const touches = group.map(({ touch }) => touch);
    this.#state.touchSessions(this.#node, touches).then(
      (answers) => {
        for (let i = 0; i < group.length; i++) group[i]?.resolve(answers[i] ?? 'unknown');
      },
      (error: unknown) => {
        for (const { reject } of group) reject(error);
      },
    );
  }
}

import type { SessionState, SessionTouch, TouchAnswer } from './sessions.ts';

interface Waiting {
  readonly touch: SessionTouch;
  readonly resolve: (answer: TouchAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export interface TouchGroupsOptions {
  readonly state: Pick<SessionState, 'touchSessions'>;
  readonly node: string;
  /** There is one call within this time at most; ms. */
  readonly withinMs?: number;
  /** The most of one call. */
  readonly most?: number;
}

/**
 * Touches that come at about the same time are one call of the store: one script of Redis, one message to the thread of SQLite,
 * whatever their number. One that comes after a while of silence goes at once; what comes within `withinMs` of a call waits for
 * the end of that time, and no longer.
 */
export class TouchGroups {
  readonly #state: Pick<SessionState, 'touchSessions'>;
  readonly #node: string;
  readonly #withinMs: number;
  readonly #most: number;
  #waiting: Waiting[] = [];
  #sentMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor({ state, node, withinMs = 3, most = 256 }: TouchGroupsOptions) {
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
      else this.#cancel ??= this.#soon();
    });
  }

  /** Timers are a millisecond late at the least, so a wait of less than one is none: others of this moment still come along. */
  #soon(): () => void {
    const waitMs = this.#sentMs + this.#withinMs - performance.now();
    const send = (): void => this.#send();
    if (waitMs < 1) {
      const immediate = setImmediate(send);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(send, Math.floor(waitMs));
    return () => clearTimeout(timer);
  }

  #send(): void {
    this.#cancel?.();
    this.#cancel = undefined;
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

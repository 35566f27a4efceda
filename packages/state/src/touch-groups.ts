import type { SessionState, SessionTouch, TouchAnswer } from './sessions.ts';

interface Waiting {
  readonly touch: SessionTouch;
  readonly resolve: (answer: TouchAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export interface TouchGroupsOptions {
  readonly state: Pick<SessionState, 'touchSessions'>;
  readonly node: string;
  /** What comes within this time of the first is one call; ms. */
  readonly withinMs?: number;
  /** The most of one call. */
  readonly most?: number;
}

/**
 * Touches that come at about the same time are one call of the store: one script of Redis, one transaction of SQLite, one
 * message between threads, whatever their number. Costs each of them `withinMs` at most.
 */
export class TouchGroups {
  readonly #state: Pick<SessionState, 'touchSessions'>;
  readonly #node: string;
  readonly #withinMs: number;
  readonly #most: number;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

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
      else this.#timer ??= setTimeout(() => this.#send(), this.#withinMs);
    });
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    const touches = group.map(({ touch }) => touch);
    this.#state.touchSessions(this.#node, touches).then(
      (answers) => {
        for (const [i, { resolve }] of group.entries()) resolve(answers[i] ?? 'unknown');
      },
      (error: unknown) => {
        for (const { reject } of group) reject(error);
      },
    );
  }
}

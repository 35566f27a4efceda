import type { NewEvent } from '@streampool/state';
import type { PoolSnapshot } from '@streampool/streaming';
import type { Ownership } from './ownerships.ts';

/** Events that wait while the state is away. */
const MOST_WAITING = 1_000;

/** What is told late happened when it did. */
export interface LifeEvent extends NewEvent {
  /** ms since the epoch, by this host's clock. */
  readonly atMs: number;
}

export interface StreamLivesOptions {
  /** False for a gateway, which owns nothing. */
  readonly mayOwn: boolean;
  readonly ownership: (streamId: string) => Ownership | undefined;
  readonly tell: (event: LifeEvent) => void;
}

interface Waiting {
  readonly event: LifeEvent;
  readonly isStart: boolean;
}

/**
 * Which starts and ends of pools are those of the stream. One stream is played by many nodes at once, and its owner alone
 * tells of it: a relay that begins or ends is nobody's news, and a stream that goes on under another owner has neither ended
 * nor started. What cannot be known yet waits for the state's answer. Direct streams have no owner where gateways serve
 * their viewers: those tell for themselves.
 */
export class StreamLives {
  readonly #options: StreamLivesOptions;
  #waiting: Waiting[] = [];

  constructor(options: StreamLivesOptions) {
    this.#options = options;
  }

  /** A pool of the stream is live for the first time. */
  began(event: LifeEvent, pool: PoolSnapshot | undefined): void {
    const { mayOwn, ownership, tell } = this.#options;
    if (!mayOwn) {
      if (pool?.kind === 'direct') tell(event);
    } else if (pool?.relayed === true) return;
    else if (ownership(event.streamId)) this.#beganHere(event);
    else this.#wait({ event, isStart: true });
  }

  /** The last pool of the stream has stopped or failed. */
  ended(event: LifeEvent, pool: PoolSnapshot | undefined): void {
    const { mayOwn, ownership, tell } = this.#options;
    if (!mayOwn) {
      if (pool?.kind === 'direct') tell(event);
      return;
    }
    const owned = ownership(event.streamId);
    if (!owned && pool?.relayed === true) return;
    // Another owner may have gone on with it already: the answer to the report of its end says so.
    this.#wait({ event, isStart: false });
    if (owned) owned.continues = false;
  }

  /** The stream is another node's: what happened here was none of its news. */
  lost(streamId: string): void {
    this.#waiting = this.#waiting.filter(({ event }) => event.streamId !== streamId);
  }

  /** The state has been asked for what runs here without being ours. */
  claimed(): void {
    const { ownership } = this.#options;
    const known = this.#waiting.filter(({ event, isStart }) => isStart && ownership(event.streamId));
    this.#waiting = this.#waiting.filter((waiting) => !known.includes(waiting));
    for (const { event } of known) this.#beganHere(event);
  }

  /** The state has taken the reports of what has ended. */
  reported(): void {
    const unclaimed = new Set(this.#waiting.flatMap(({ event, isStart }) => (isStart ? event.streamId : [])));
    const ends = this.#waiting.filter(({ event, isStart }) => !isStart && !unclaimed.has(event.streamId));
    this.#waiting = this.#waiting.filter((waiting) => !ends.includes(waiting));
    for (const { event } of ends) this.#options.tell(event);
  }

  #beganHere(event: LifeEvent): void {
    const { ownership, tell } = this.#options;
    if (ownership(event.streamId)?.continues !== true) tell(event);
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }
}

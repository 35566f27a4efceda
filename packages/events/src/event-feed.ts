import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterEvent, EventState } from '@streampool/state';
import type { Logger } from 'pino';
import { isAfter, isGap } from './event-place.ts';
import { Listener } from './listener.ts';

export interface EventFeedOptions {
  readonly state: Pick<EventState, 'readEvents' | 'eventsEnd' | 'waitForEvents'>;
  readonly log: Pick<Logger, 'warn' | 'info' | 'error'>;
  /** Events that one listener may lie behind. */
  readonly mostWaiting?: number;
  /** How long one wait for events lasts, ms. */
  readonly waitMs?: number;
  /** Resolves after `ms`. */
  readonly pause?: (ms: number) => Promise<void>;
  readonly random?: () => number;
}

/** Some events, in order. */
export interface HeardEvents {
  readonly events: readonly ClusterEvent[];
  /** Listen on from here later. */
  readonly place: string;
  /** The place that was asked for is not kept any more: some of what happened since may be missing. */
  readonly lost: boolean;
}

export interface EventFeedFigures {
  readonly listeners: number;
  /** Listeners that were too slow, since the start. */
  readonly dropped: number;
  /** Events read, since the start. */
  readonly events: number;
}

const PAGE = 500;
const LEAST_RETRY_MS = 200;
const MOST_RETRY_MS = 5_000;

/**
 * What happens in the cluster, for any number of listeners of this process. One reader waits at the store, while somebody
 * listens. A listener that asks for the past reads it from the store at its own pace, and then goes over to what the reader
 * brings, without a gap and without anything twice.
 */
export class EventFeed {
  readonly #options: Required<EventFeedOptions>;
  readonly #listeners = new Set<Listener>();
  /** Up to where the reader has come; undefined while there is none. */
  #place: string | undefined;
  #reading: Promise<void> | undefined;
  #dropped = 0;
  #events = 0;
  #closed = false;

  constructor(options: EventFeedOptions) {
    this.#options = {
      mostWaiting: 1_000,
      waitMs: 5_000,
      pause: (ms) =>
        new Promise((resolve) => {
          setTimeout(resolve, ms).unref();
        }),
      random: Math.random,
      ...options,
    };
  }

  figures(): EventFeedFigures {
    return { listeners: this.#listeners.size, dropped: this.#dropped, events: this.#events };
  }

  /**
   * Everything after `after` (a place, '' for all that is kept; without it, from now on), until the signal is aborted. The
   * first answer comes at once, maybe without events: from then on nothing is missed.
   * @throws StreampoolError EVENTS_TOO_SLOW (listen again from the last place), STATE_UNAVAILABLE, SHUTTING_DOWN, INVALID_REQUEST
   */
  async *listen({ after, signal }: { after?: string; signal: AbortSignal }): AsyncGenerator<HeardEvents> {
    if (this.#closed) throw closing();
    const listener = new Listener(this.#options.mostWaiting);
    // Also while whoever listens is busy with what it has heard.
    const leave = (): void => {
      this.#listeners.delete(listener);
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', leave, { once: true });
    try {
      // The reader has its place before the listener has one: nothing between the two is missed.
      await this.#begin();
      let place = after ?? (await this.#options.state.eventsEnd());
      if (after !== undefined) {
        for await (const heard of this.#past(after, listener, signal)) {
          place = heard.place;
          yield heard;
        }
      } else yield { events: [], place, lost: false };
      while (!signal.aborted) {
        const waiting = await listener.take(signal);
        if (listener.overflowed) {
          this.#dropped += 1;
          throw new StreampoolError('EVENTS_TOO_SLOW', 'This listener did not keep up with what happened');
        }
        const events = waiting.filter(({ id }) => isAfter(id, place));
        const last = events.at(-1);
        if (!last) continue;
        place = last.id;
        yield { events, place, lost: false };
      }
    } finally {
      leave();
      signal.removeEventListener('abort', leave);
    }
  }

  /** Ends every listener with SHUTTING_DOWN. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener.fail(closing());
  }

  /** What is kept after a place, page by page. What the reader brings meanwhile is left to the listener's queue, or read here if it is too much. */
  async *#past(after: string, listener: Listener, signal: AbortSignal): AsyncGenerator<HeardEvents> {
    const { state } = this.#options;
    let place = after;
    let lost = false;
    let isFirst = true;
    if (after !== '') {
      const [oldest] = await state.readEvents({ limit: 1 });
      const isBeyond = isAfter(after, await state.eventsEnd());
      lost = isBeyond || (oldest !== undefined && isGap(after, oldest.id));
      if (isBeyond) place = '';
    }
    for (;;) {
      listener.clear();
      const events = await state.readEvents({ ...(place !== '' && { after: place }), limit: PAGE });
      place = events.at(-1)?.id ?? place;
      if (events.length > 0 || isFirst) yield { events, place, lost };
      lost = false;
      isFirst = false;
      if (signal.aborted || (events.length < PAGE && !listener.overflowed)) return;
    }
  }

  /** Sees to it that there is a reader with a place. @throws StreampoolError STATE_UNAVAILABLE */
  async #begin(): Promise<void> {
    if (this.#place === undefined) {
      const end = await this.#options.state.eventsEnd();
      this.#place ??= end;
    }
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      this.#place = undefined;
    });
  }

  async #read(): Promise<void> {
    const { state, log, waitMs, pause, random } = this.#options;
    let failures = 0;
    while (this.#listeners.size > 0 && !this.#closed) {
      try {
        const events = await state.waitForEvents({ after: this.#place as string, limit: PAGE, waitMs });
        if (failures > 0) log.info('events are heard again');
        failures = 0;
        const last = events.at(-1);
        if (!last) continue;
        this.#place = last.id;
        this.#events += events.length;
        for (const listener of this.#listeners) listener.push(events);
      } catch (error) {
        failures += 1;
        if (failures === 1 && !this.#closed) {
          const isAway = isStreampoolError(error, 'STATE_UNAVAILABLE');
          log[isAway ? 'warn' : 'error']({ err: error }, 'events cannot be heard; trying again');
        }
        const most = Math.min(MOST_RETRY_MS, LEAST_RETRY_MS * 2 ** Math.min(failures, 10));
        await pause(most * (0.5 + random() / 2));
      }
    }
  }
}

function closing(): StreampoolError {
  return new StreampoolError('SHUTTING_DOWN', 'This node is shutting down', { retryAfterSeconds: 1 });
}

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type EventFeed, type HeardEvents, showEvent } from '@streampool/events';
import type { ClusterEvent } from '@streampool/state';

export interface EventStreamsOptions {
  readonly feed: EventFeed;
  readonly mostListeners?: number;
  /** Between two comments that keep proxies and players of the connection from giving it up; ms. */
  readonly heartbeatMs?: number;
  /** A listener whose socket takes nothing for this long is dropped; ms. */
  readonly patienceMs?: number;
}

export interface EventWish {
  /** Everything after this event. Without it: what happens from now on. */
  readonly after?: string;
  readonly wanted: (event: ClusterEvent) => boolean;
}

const EVENTS_LOST = `event: events_lost\ndata: ${JSON.stringify({ reason: 'the place to go on from is not kept any more' })}\n\n`;

/** How long an EventSource waits before it comes back, ms. */
const RETRY_MS = 2_000;

/**
 * Listeners to events over HTTP: server-sent events (WHATWG HTML §9.2). Each has a budget in the feed; one that takes
 * nothing is told why it is dropped, and resumes by `Last-Event-ID`.
 */
export class EventStreams {
  readonly #options: Required<EventStreamsOptions>;
  readonly #open = new Map<ServerResponse, AbortController>();
  readonly #beats: NodeJS.Timeout;
  readonly #written = new WeakMap<ClusterEvent, string>();

  constructor(options: EventStreamsOptions) {
    this.#options = { mostListeners: 1_000, heartbeatMs: 15_000, patienceMs: 30_000, ...options };
    this.#beats = setInterval(() => this.#beat(), this.#options.heartbeatMs);
    this.#beats.unref();
  }

  get listeners(): number {
    return this.#open.size;
  }

  /**
   * Answers until the listener leaves, is dropped, or the node closes. Nothing has been sent when it rejects.
   * @throws StreampoolError CAPACITY_EXHAUSTED, STATE_UNAVAILABLE, INVALID_REQUEST, SHUTTING_DOWN
   */
  async serve(res: ServerResponse, { after, wanted }: EventWish): Promise<void> {
    const { feed, mostListeners } = this.#options;
    if (this.#open.size >= mostListeners) {
      throw new StreampoolError('CAPACITY_EXHAUSTED', `${mostListeners} listen already`, {
        retryAfterSeconds: 10,
      });
    }
    const left = new AbortController();
    const leave = (): void => left.abort();
    res.once('close', leave);
    this.#open.set(res, left);
    let place = after ?? '';
    try {
      for await (const heard of feed.listen({ ...(after !== undefined && { after }), signal: left.signal })) {
        if (!res.headersSent) begin(res);
        place = heard.place;
        await this.#send(res, heard, wanted, left.signal);
      }
    } catch (error) {
      if (!res.headersSent) throw error;
      if (!left.signal.aborted) end(res, error, place);
    } finally {
      this.#open.delete(res);
      res.off('close', leave);
    }
  }

  /** Ends all of them; whoever has an EventSource comes back elsewhere. Idempotent. */
  close(): void {
    clearInterval(this.#beats);
    this.#options.feed.close();
  }

  async #send(
    res: ServerResponse,
    { events, lost, place }: HeardEvents,
    wanted: EventWish['wanted'],
    left: AbortSignal,
  ): Promise<void> {
    // Its place comes behind the events: who is cut off among them has not heard the rest yet.
    let text = lost ? EVENTS_LOST : '';
    for (const event of events) {
      if (wanted(event)) text += this.#messageOf(event);
    }
    if (lost) text += `id: ${place}\n\n`;
    if (text === '' || res.write(text)) return;
    const patience = AbortSignal.any([left, AbortSignal.timeout(this.#options.patienceMs)]);
    try {
      await once(res, 'drain', { signal: patience });
    } catch {
      throw new StreampoolError('EVENTS_TOO_SLOW', 'This listener took nothing for too long');
    }
  }

  /** Written once for all that listen. */
  #messageOf(event: ClusterEvent): string {
    let written = this.#written.get(event);
    if (written === undefined) {
      written = message(event.type, event.id, showEvent(event));
      this.#written.set(event, written);
    }
    return written;
  }

  #beat(): void {
    for (const res of this.#open.keys()) {
      if (res.headersSent && !res.writableNeedDrain) res.write(': still here\n\n');
    }
  }
}

/** With the first answer of the feed, which has no events where nothing has happened yet: a listener sees at once that it is heard. */
function begin(res: ServerResponse): void {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    // Not to be compressed or held back on the way.
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
    // Nothing can follow on it.
    Connection: 'close',
  });
  res.write(`retry: ${RETRY_MS}\n\n`);
}

function message(type: string, id: string, data: unknown): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The last words, as far as they are taken. */
function end(res: ServerResponse, error: unknown, place: string): void {
  const code = isStreampoolError(error) ? error.code : 'INTERNAL';
  const detail = isStreampoolError(error) ? error.message : 'An error in this node';
  res.end(`event: end\ndata: ${JSON.stringify({ code, detail, last_event_id: place })}\n\n`);
  const timer = setTimeout(() => res.destroy(), 2_000);
  res.once('close', () => clearTimeout(timer));
}

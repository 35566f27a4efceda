import { USUAL_EVENT_TYPES } from '@streampool/events';
import { redactText } from '@streampool/redaction';
import type { EventType, NewEvent } from '@streampool/state';
import type { PoolSnapshot } from '@streampool/streaming';

/** What clients of webhooks go by, and find their own streams in by their own labels. */
const LABELLED: ReadonlySet<EventType> = new Set(USUAL_EVENT_TYPES);
const MOST = 2_000;

/**
 * How the streams of this node are labelled, kept beyond their end: the last thing that is told of a stream is that it has
 * stopped, and whoever deleted it has deleted its definition before.
 */
export class StreamLabels {
  readonly #pools: () => readonly PoolSnapshot[];
  /** As JSON, free of credentials. */
  readonly #known = new Map<string, string>();

  constructor(pools: () => readonly PoolSnapshot[]) {
    this.#pools = pools;
  }

  /** The event with the labels of its stream in `labels`, as JSON, where it is one that has them. */
  on(event: NewEvent): NewEvent {
    if (!LABELLED.has(event.type)) return event;
    const labels = this.#known.get(event.streamId) ?? this.note(this.#find(event.streamId));
    return labels === undefined ? event : { ...event, data: { ...event.data, labels } };
  }

  /** Of a pool that plays, or has just ended. */
  note(pool: PoolSnapshot | undefined): string | undefined {
    if (!pool?.metadata || Object.keys(pool.metadata).length === 0) return undefined;
    const shown = Object.entries(pool.metadata).map(([name, value]) => [name, redactText(value)]);
    const labels = JSON.stringify(Object.fromEntries(shown));
    this.#known.delete(pool.streamId);
    this.#known.set(pool.streamId, labels);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest);
    return labels;
  }

  #find(streamId: string): PoolSnapshot | undefined {
    return this.#pools().find((pool) => pool.streamId === streamId);
  }
}

import { USUAL_EVENT_TYPES } from '@streampool/events';
import { redactText } from '@streampool/redaction';
import type { EventType, NodeEvent } from '@streampool/state';
import type { PoolSnapshot } from '@streampool/streaming';

/** What clients of webhooks go by, and find their own streams in by their own labels. */
const LABELLED: ReadonlySet<EventType> = new Set(USUAL_EVENT_TYPES);
const MOST = 2_000;

/**
 * How the streams of this node are labelled, kept beyond their end: the last thing that is told of a stream is that it has
 * stopped, and whoever deleted it has deleted its definition before.
 */
export class StreamLabels {
  readonly #pools: (streamId: string) => readonly PoolSnapshot[];
  /** As JSON, free of credentials. */
  readonly #known = new Map<string, string>();

  /** `pools`: those of one stream, here and now. */
  constructor(pools: (streamId: string) => readonly PoolSnapshot[]) {
    this.#pools = pools;
  }

  /** The event with the labels of its stream in `labels`, as JSON, where it is one that has them. */
  on(event: NodeEvent): NodeEvent {
    if (!LABELLED.has(event.type)) return event;
    const { streamId } = event;
    const labels = this.#known.get(streamId) ?? this.note(this.#pools(streamId)[0]);
    return labels === undefined ? event : { ...event, data: { ...event.data, labels } };
  }

  /** Of a pool that plays, or has just ended; one that does not know its labels any more has those that it had. */
  note(pool: PoolSnapshot | undefined): string | undefined {
    if (!pool?.metadata) return undefined;
    const { streamId, metadata } = pool;
    this.#known.delete(streamId);
    const shown = Object.entries(metadata).map(([name, value]) => [name, redactText(value)]);
    if (shown.length === 0) return undefined;
    const labels = JSON.stringify(Object.fromEntries(shown));
    this.#known.set(streamId, labels);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest);
    return labels;
  }
}

import type { StatementSync } from 'node:sqlite';
import type { NewEvent } from '../cluster-state.ts';
import { eventLimit, invalidCursor, LIMITS } from '../limits.ts';
import type { ClusterEvent, EventType } from '../records.ts';
import { shownData } from '../shown-stream.ts';
import type { Connection } from './connection.ts';

interface EventRow {
  readonly id: number;
  readonly type: EventType;
  readonly stream_id: string;
  readonly at_ms: number;
  readonly data: string;
}

/** What happened, the newest {@link LIMITS.eventsKept}. Ids only grow, also after old rows are gone (AUTOINCREMENT). */
export class EventsTable {
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #after: StatementSync;
  readonly #afterOfStream: StatementSync;
  readonly #last: StatementSync;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(
      'INSERT INTO events (type, stream_id, at_ms, data) VALUES ($type, $streamId, $now, $data)',
    );
    this.#trim = connection.prepare('DELETE FROM events WHERE id <= $last');
    this.#after = connection.prepare('SELECT * FROM events WHERE id > $after ORDER BY id LIMIT $limit');
    this.#afterOfStream = connection.prepare(
      'SELECT * FROM events WHERE stream_id = $streamId AND id > $after ORDER BY id LIMIT $limit',
    );
    this.#last = connection.prepare('SELECT max(id) AS id FROM events');
  }

  /** Within a transaction. */
  add(events: readonly NewEvent[], now: number): void {
    let last = 0;
    for (const { type, streamId, data } of events) {
      const added = this.#insert.run({ type, streamId, now, data: JSON.stringify(shownData(data)) });
      last = Number(added.lastInsertRowid);
    }
    if (last > LIMITS.eventsKept) this.#trim.run({ last: last - LIMITS.eventsKept });
  }

  read(query: { after?: string; limit?: number; streamId?: string }): ClusterEvent[] {
    const after = query.after === undefined ? 0 : eventId(query.after);
    const limit = eventLimit(query.limit);
    const rows =
      query.streamId === undefined
        ? this.#after.all({ after, limit })
        : this.#afterOfStream.all({ after, limit, streamId: query.streamId });
    return (rows as unknown as EventRow[]).map(toEvent);
  }

  /** The id of the newest, '0' where there is none. */
  end(): string {
    return String((this.#last.get() as { id: number | null }).id ?? 0);
  }
}

function eventId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidCursor(text);
  return Number(text);
}

function toEvent(row: EventRow): ClusterEvent {
  return {
    id: String(row.id),
    type: row.type,
    streamId: row.stream_id,
    atMs: row.at_ms,
    data: JSON.parse(row.data),
  };
}

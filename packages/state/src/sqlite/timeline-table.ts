import type { StatementSync } from 'node:sqlite';
import type { ClientRecord, EventType } from '../records.ts';
import { shownData } from '../shown-stream.ts';
import type { NewTimelineEntry, TimelineEntry, TimelineSubject } from '../timeline/entry.ts';
import { complete, foldKey, isAgain, merged, TIMELINE } from '../timeline/fold.ts';
import type { Connection } from './connection.ts';

interface EntryRow {
  readonly id: number;
  readonly stream_id: string;
  readonly client_id: string;
  readonly fold: string;
  readonly type: EventType;
  readonly node: string;
  readonly at_ms: number;
  readonly last_ms: number;
  readonly count: number;
  readonly data: string;
}

/** Entries of one kind of subject: of streams, or of viewers. */
interface Table {
  readonly insert: StatementSync;
  readonly update: StatementSync;
  readonly newest: StatementSync;
  readonly read: StatementSync;
  readonly trim: StatementSync;
  readonly trimAll: StatementSync;
  readonly expire: StatementSync;
}

/** What happened to streams and viewers in the last hour, within the budgets of {@link TIMELINE}. */
export class TimelineTable {
  readonly #ofStreams: Table;
  readonly #ofViewers: Table;

  constructor(connection: Connection) {
    this.#ofStreams = prepare(connection, 'stream_timeline', 'stream_id');
    this.#ofViewers = prepare(connection, 'viewer_timeline', 'client_id');
  }

  /** Within a transaction. */
  add(entries: readonly NewTimelineEntry[], now: number): void {
    for (const given of entries) {
      const entry = complete({ ...given, data: shownData(given.data) }, now);
      if (entry.clientId === undefined) this.#keep(this.#ofStreams, entry, entry.streamId);
      else this.#keep(this.#ofViewers, entry, entry.clientId);
    }
    if (entries.length === 0) return;
    for (const table of [this.#ofStreams, this.#ofViewers])
      table.expire.run({ before: now - TIMELINE.keepMs });
  }

  /** Viewers whose nodes did not say farewell: it is in their timelines, and counted in their streams'. Within a transaction. */
  addLosses(clients: readonly ClientRecord[], now: number): void {
    const loss = { type: 'client_disconnected', atMs: now } as const;
    this.add(
      clients.flatMap(({ id: clientId, streamId, node, connectedAtMs, userAgent }) => {
        const connectedAt = new Date(connectedAtMs).toISOString();
        return [
          { ...loss, streamId, clientId, node, data: { reason: 'lost', connectedAt, userAgent } },
          { ...loss, streamId, node, data: { reason: 'lost' } },
        ];
      }),
      now,
    );
  }

  /** Oldest first. */
  read(subject: TimelineSubject, now: number): TimelineEntry[] {
    const [table, key] =
      'clientId' in subject ? [this.#ofViewers, subject.clientId] : [this.#ofStreams, subject.streamId];
    const rows = table.read.all({ subject: key, since: now - TIMELINE.keepMs }) as unknown as EntryRow[];
    return rows.map(toEntry);
  }

  #keep(table: Table, entry: TimelineEntry, subject: string): void {
    const fold = foldKey(entry);
    const newest = table.newest.all({ subject, limit: TIMELINE.lookBack }) as unknown as EntryRow[];
    const same = newest.find(
      (row) => row.fold === fold && row.stream_id === entry.streamId && isAgain(toEntry(row), entry),
    );
    if (same) {
      const { node, atMs, lastMs, count, data } = merged(toEntry(same), entry);
      table.update.run({ id: same.id, node, atMs, lastMs, count, data: JSON.stringify(data) });
      return;
    }
    const { streamId, clientId = '', type, node, atMs, lastMs, count, data } = entry;
    const added = table.insert.run({
      ...{ streamId, clientId, fold, type, node, atMs, lastMs, count },
      data: JSON.stringify(data),
    });
    table.trim.run({ subject, most: TIMELINE.subjectMost });
    table.trimAll.run({ last: Number(added.lastInsertRowid) - TIMELINE.tableMost });
  }
}

function prepare(connection: Connection, table: string, subject: string): Table {
  return {
    insert: connection.prepare(`
      INSERT INTO ${table} (stream_id, client_id, fold, type, node, at_ms, last_ms, count, data)
      VALUES ($streamId, $clientId, $fold, $type, $node, $atMs, $lastMs, $count, $data)`),
    update: connection.prepare(`
      UPDATE ${table} SET node = $node, at_ms = $atMs, last_ms = $lastMs, count = $count, data = $data WHERE id = $id`),
    newest: connection.prepare(
      `SELECT * FROM ${table} WHERE ${subject} = $subject ORDER BY id DESC LIMIT $limit`,
    ),
    read: connection.prepare(`
      SELECT * FROM ${table} WHERE ${subject} = $subject AND last_ms >= $since ORDER BY at_ms, id`),
    trim: connection.prepare(`
      DELETE FROM ${table} WHERE ${subject} = $subject AND id <= (
        SELECT id FROM ${table} WHERE ${subject} = $subject ORDER BY id DESC LIMIT 1 OFFSET $most)`),
    trimAll: connection.prepare(`DELETE FROM ${table} WHERE id <= $last`),
    expire: connection.prepare(`DELETE FROM ${table} WHERE last_ms < $before`),
  };
}

function toEntry(row: EntryRow): TimelineEntry {
  return {
    type: row.type,
    streamId: row.stream_id,
    ...(row.client_id !== '' && { clientId: row.client_id }),
    node: row.node,
    atMs: row.at_ms,
    lastMs: row.last_ms,
    count: row.count,
    data: JSON.parse(row.data),
  };
}

import type { StatementSync } from 'node:sqlite';
import type { Page } from '../cluster-state.ts';
import { readStreamCursor, writeStreamCursor } from '../cursors.ts';
import { pageLimit } from '../limits.ts';
import type { StreamDefinition, StreamRecord, StreamState } from '../records.ts';
import { shownMetadata, shownStream } from '../shown-stream.ts';
import type { Connection } from './connection.ts';

export interface StreamRow {
  readonly id: string;
  readonly shown: string;
  readonly state: StreamState;
  readonly owner: string;
  readonly epoch: number;
  readonly host: string;
  readonly lease_until_ms: number;
  readonly ffmpeg_pid: number | null;
  readonly ffmpeg_start_ticks: number | null;
  readonly viewers: number;
  readonly bitrate_kbps: number | null;
  readonly fps: number | null;
  readonly speed: number | null;
  readonly failover_index: number;
  readonly failover_attempts: number;
  readonly last_error: string | null;
  readonly last_access_ms: number;
}

/** Higher than any cursor: the first page starts below it. */
const NEWEST = { lastAccessMs: Number.MAX_SAFE_INTEGER, id: '' };

/** Definitions, what is shown of them, and the index of their metadata. Runtime columns are {@link Ownership}'s. */
export class StreamsTable {
  readonly #putDefinition: StatementSync;
  readonly #definition: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #row: StatementSync;
  readonly #page: StatementSync;
  readonly #byMetadata: StatementSync;
  readonly #addMetadata: StatementSync;
  readonly #dropMetadata: StatementSync;
  readonly #removeDefinition: StatementSync;
  readonly #remove: StatementSync;
  readonly #raiseFloor: StatementSync;

  constructor(connection: Connection) {
    this.#putDefinition = connection.prepare(`
      INSERT INTO definitions (id, definition) VALUES ($id, $definition)
      ON CONFLICT (id) DO UPDATE SET definition = excluded.definition`);
    this.#definition = connection.prepare('SELECT definition FROM definitions WHERE id = $id');
    // A stream that is made again under the id of a removed one goes on above every epoch ever given out.
    this.#insert = connection.prepare(`
      INSERT INTO streams (id, shown, epoch, last_access_ms)
      VALUES ($id, $shown, (SELECT value FROM meta WHERE key = 'epoch_floor'), $now)`);
    this.#update = connection.prepare('UPDATE streams SET shown = $shown WHERE id = $id');
    this.#row = connection.prepare('SELECT * FROM streams WHERE id = $id');
    this.#page = connection.prepare(`
      SELECT * FROM streams WHERE (last_access_ms, id) < ($lastAccessMs, $id)
      ORDER BY last_access_ms DESC, id DESC LIMIT $limit`);
    this.#byMetadata = connection.prepare(`
      SELECT streams.* FROM stream_metadata AS entry JOIN streams ON streams.id = entry.stream_id
      WHERE entry.field = $field AND entry.value = $value ORDER BY last_access_ms DESC, id DESC`);
    this.#addMetadata = connection.prepare('INSERT INTO stream_metadata VALUES ($field, $value, $id)');
    this.#dropMetadata = connection.prepare('DELETE FROM stream_metadata WHERE stream_id = $id');
    this.#removeDefinition = connection.prepare('DELETE FROM definitions WHERE id = $id');
    this.#remove = connection.prepare('DELETE FROM streams WHERE id = $id');
    this.#raiseFloor = connection.prepare(
      "UPDATE meta SET value = max(value, $epoch) WHERE key = 'epoch_floor'",
    );
  }

  /** Within a transaction. True if it was not there. */
  put(given: StreamDefinition, now: number): boolean {
    const { id } = given;
    const before = this.definition(id);
    const definition = before ? { ...given, createdAtMs: before.createdAtMs } : given;
    const shown = shownStream(definition);
    this.#putDefinition.run({ id, definition: JSON.stringify(definition) });
    if (before) this.#update.run({ id, shown: JSON.stringify(shown) });
    else this.#insert.run({ id, shown: JSON.stringify(shown), now });
    this.#dropMetadata.run({ id });
    for (const [field, value] of Object.entries(shown.metadata)) this.#addMetadata.run({ field, value, id });
    return before === undefined;
  }

  definition(id: string): StreamDefinition | undefined {
    const row = this.#definition.get({ id }) as { definition: string } | undefined;
    return row && (JSON.parse(row.definition) as StreamDefinition);
  }

  row(id: string): StreamRow | undefined {
    return this.#row.get({ id }) as unknown as StreamRow | undefined;
  }

  list(page: { after?: string; limit?: number }): Page<StreamRecord> {
    const limit = pageLimit(page.limit);
    const after = page.after === undefined ? NEWEST : readStreamCursor(page.after);
    const rows = this.#page.all({ ...after, limit: limit + 1 }) as unknown as StreamRow[];
    const items = rows.slice(0, limit).map(toRecord);
    const last = items.at(-1);
    return rows.length <= limit || !last ? { items } : { items, next: writeStreamCursor(last) };
  }

  byMetadata(field: string, value: string): StreamRecord[] {
    // Looked up as it was written: with the credentials of any URL in it hidden.
    const shown = shownMetadata({ [field]: value })[field] as string;
    return (this.#byMetadata.all({ field, value: shown }) as unknown as StreamRow[]).map(toRecord);
  }

  /** Within a transaction. Its clients must have been removed before. */
  remove(row: StreamRow): void {
    this.#raiseFloor.run({ epoch: row.epoch });
    this.#dropMetadata.run({ id: row.id });
    this.#removeDefinition.run({ id: row.id });
    this.#remove.run({ id: row.id });
  }
}

export function toRecord(row: StreamRow): StreamRecord {
  return {
    ...(JSON.parse(row.shown) as ReturnType<typeof shownStream>),
    state: row.state,
    owner: row.owner,
    epoch: row.epoch,
    host: row.host,
    ...(row.ffmpeg_pid !== null && { ffmpegPid: row.ffmpeg_pid }),
    ...(row.ffmpeg_start_ticks !== null && { ffmpegStartTicks: row.ffmpeg_start_ticks }),
    viewers: row.viewers,
    ...(row.bitrate_kbps !== null && { bitrateKbps: row.bitrate_kbps }),
    ...(row.fps !== null && { fps: row.fps }),
    ...(row.speed !== null && { speed: row.speed }),
    failoverIndex: row.failover_index,
    failoverAttempts: row.failover_attempts,
    ...(row.last_error !== null && { lastError: row.last_error }),
    lastAccessMs: row.last_access_ms,
  };
}

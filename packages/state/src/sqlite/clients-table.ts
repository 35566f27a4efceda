import type { StatementSync } from 'node:sqlite';
import type { Page } from '../cluster-state.ts';
import { readClientCursor, writeClientCursor } from '../cursors.ts';
import { pageLimit } from '../limits.ts';
import type { ClientRecord } from '../records.ts';
import type { Connection } from './connection.ts';

interface ClientRow {
  readonly stream_id: string;
  readonly id: string;
  readonly node: string;
  readonly ip: string;
  readonly user_agent: string;
  readonly username: string | null;
  readonly connected_at_ms: number;
  readonly last_active_ms: number;
  readonly bytes: number;
  readonly lag_bytes: number;
  readonly skips: number;
  readonly segments: number | null;
}

const COLUMNS =
  'stream_id, id, node, ip, user_agent, username, connected_at_ms, last_active_ms, bytes, lag_bytes, skips, segments';

const MOST_STREAMS_OF_ONE_CLIENT = 100;

/** Viewers of all nodes. A row's stream exists, and its `viewers` counts it (triggers of the schema). */
export class ClientsTable {
  readonly #ttlMs: number;
  readonly #touch: StatementSync;
  readonly #gone: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeExpired: StatementSync;
  readonly #removeNode: StatementSync;
  readonly #removeStream: StatementSync;
  readonly #page: StatementSync;
  readonly #pageOfStream: StatementSync;
  readonly #of: StatementSync;
  readonly #expired: StatementSync;

  constructor(connection: Connection, ttlMs: number) {
    this.#ttlMs = ttlMs;
    // SELECT … WHERE EXISTS: a client of a stream that is not there adds nothing, and `changes` says so.
    this.#touch = connection.prepare(`
      INSERT INTO clients (${COLUMNS}, expires_ms)
      SELECT $streamId, $id, $node, $ip, $userAgent, $username, $connectedAtMs, $lastActiveMs, $bytes, $lagBytes, $skips, $segments, $expiresMs
      WHERE EXISTS (SELECT 1 FROM streams WHERE id = $streamId)
      ON CONFLICT (id, stream_id) DO UPDATE SET
        node = excluded.node, ip = excluded.ip, user_agent = excluded.user_agent, username = excluded.username,
        connected_at_ms = excluded.connected_at_ms, last_active_ms = excluded.last_active_ms, bytes = excluded.bytes,
        lag_bytes = excluded.lag_bytes, skips = excluded.skips, segments = excluded.segments, expires_ms = excluded.expires_ms`);
    const one = 'DELETE FROM clients WHERE id = $clientId AND stream_id = $streamId';
    this.#gone = connection.prepare(`${one} AND node = $node`);
    this.#remove = connection.prepare(one);
    const lost = `RETURNING ${COLUMNS}`;
    this.#removeExpired = connection.prepare(`${one} AND expires_ms <= $now ${lost}`);
    this.#removeNode = connection.prepare(`DELETE FROM clients WHERE node = $node ${lost}`);
    this.#removeStream = connection.prepare('DELETE FROM clients WHERE stream_id = $streamId');
    this.#page = connection.prepare(`
      SELECT ${COLUMNS} FROM clients WHERE (id, stream_id) > ($clientId, $streamId) ORDER BY id, stream_id LIMIT $limit`);
    this.#pageOfStream = connection.prepare(`
      SELECT ${COLUMNS} FROM clients WHERE stream_id = $streamId AND id > $clientId ORDER BY id LIMIT $limit`);
    this.#of = connection.prepare(
      `SELECT ${COLUMNS} FROM clients WHERE id = $clientId ORDER BY last_active_ms DESC LIMIT $limit`,
    );
    this.#expired = connection.prepare(
      'SELECT stream_id, id, node FROM clients WHERE expires_ms <= $now ORDER BY expires_ms LIMIT $limit',
    );
  }

  /** Adds or renews, from `heard` on: the clock that expiry goes by. False if its stream is unknown. Within a transaction. */
  touch(client: ClientRecord, heard: number): boolean {
    const result = this.#touch.run({
      streamId: client.streamId,
      id: client.id,
      node: client.node,
      ip: client.ip,
      userAgent: client.userAgent,
      username: client.username ?? null,
      // STRICT columns refuse fractions, and a clock with better resolution than ours is no reason to lose a record.
      connectedAtMs: Math.round(client.connectedAtMs),
      lastActiveMs: Math.round(client.lastActiveMs),
      bytes: Math.round(client.bytes),
      lagBytes: Math.round(client.lagBytes),
      skips: client.skips,
      segments: client.segments ?? null,
      expiresMs: heard + this.#ttlMs,
    });
    return Number(result.changes) > 0;
  }

  /** Only if that node still holds it. */
  gone(streamId: string, clientId: string, node: string): void {
    this.#gone.run({ streamId, clientId, node });
  }

  /** How many there were. */
  remove(clients: readonly { streamId: string; clientId: string }[]): number {
    let removed = 0;
    for (const { streamId, clientId } of clients)
      removed += Number(this.#remove.run({ streamId, clientId }).changes);
    return removed;
  }

  /** Those that had expired at that time. */
  removeExpired(clients: readonly { streamId: string; clientId: string }[], now: number): ClientRecord[] {
    return clients.flatMap(({ streamId, clientId }) => {
      const rows = this.#removeExpired.all({ streamId, clientId, now }) as unknown as ClientRow[];
      return rows.map(toClient);
    });
  }

  /** Those it had not said farewell to. */
  removeNode(node: string): ClientRecord[] {
    return (this.#removeNode.all({ node }) as unknown as ClientRow[]).map(toClient);
  }

  removeStream(streamId: string): void {
    this.#removeStream.run({ streamId });
  }

  list(filter: { streamId?: string; after?: string; limit?: number }): Page<ClientRecord> {
    const limit = pageLimit(filter.limit);
    const after =
      filter.after === undefined ? { clientId: '', streamId: '' } : readClientCursor(filter.after);
    const rows =
      filter.streamId === undefined
        ? this.#page.all({ ...after, limit: limit + 1 })
        : this.#pageOfStream.all({ streamId: filter.streamId, clientId: after.clientId, limit: limit + 1 });
    const items = (rows as unknown as ClientRow[]).slice(0, limit).map(toClient);
    const last = items.at(-1);
    if (rows.length <= limit || !last) return { items };
    return { items, next: writeClientCursor({ clientId: last.id, streamId: last.streamId }) };
  }

  newest(clientId: string): ClientRecord | undefined {
    return this.of(clientId, 1)[0];
  }

  /** The most recently active ones first. */
  of(clientId: string, limit = MOST_STREAMS_OF_ONE_CLIENT): ClientRecord[] {
    return (this.#of.all({ clientId, limit }) as unknown as ClientRow[]).map(toClient);
  }

  expired(now: number, limit: number): { streamId: string; clientId: string; node: string }[] {
    const rows = this.#expired.all({ now, limit }) as unknown as ClientRow[];
    return rows.map((row) => ({ streamId: row.stream_id, clientId: row.id, node: row.node }));
  }
}

function toClient(row: ClientRow): ClientRecord {
  return {
    id: row.id,
    streamId: row.stream_id,
    node: row.node,
    ip: row.ip,
    userAgent: row.user_agent,
    ...(row.username !== null && { username: row.username }),
    connectedAtMs: row.connected_at_ms,
    lastActiveMs: row.last_active_ms,
    bytes: row.bytes,
    lagBytes: row.lag_bytes,
    skips: row.skips,
    ...(row.segments !== null && { segments: row.segments }),
  };
}

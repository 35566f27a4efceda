import type { StatementSync } from 'node:sqlite';
import { LIMITS } from '../limits.ts';
import type { OrphanProcess } from '../records.ts';
import type { Connection } from './connection.ts';
import type { StreamRow } from './streams-table.ts';

interface OrphanRow {
  readonly host: string;
  readonly pid: number;
  readonly start_ticks: number | null;
  readonly stream_id: string;
  readonly owner: string;
  readonly owner_pid: number | null;
  readonly since_ms: number;
}

/**
 * FFmpeg processes whose owner lost its stream without having stopped them. Only a node of the same host can look for
 * them, and the one that took the stream over may be on another, so they are listed until somebody there has looked.
 */
export class OrphanProcessesTable {
  readonly #add: StatementSync;
  readonly #dropOld: StatementSync;
  readonly #forget: StatementSync;
  readonly #ofHost: StatementSync;

  constructor(connection: Connection) {
    this.#add = connection.prepare(`
      INSERT INTO orphan_processes VALUES ($host, $pid, $startTicks, $streamId, $owner, $ownerPid, $now)
      ON CONFLICT (host, pid) DO UPDATE SET start_ticks = excluded.start_ticks, stream_id = excluded.stream_id,
        owner = excluded.owner, owner_pid = excluded.owner_pid, since_ms = excluded.since_ms`);
    this.#dropOld = connection.prepare('DELETE FROM orphan_processes WHERE since_ms <= $before');
    this.#forget = connection.prepare('DELETE FROM orphan_processes WHERE host = $host AND pid = $pid');
    this.#ofHost = connection.prepare(
      'SELECT * FROM orphan_processes WHERE host = $host AND since_ms > $before ORDER BY since_ms',
    );
  }

  /** Within a transaction. A stream without a process adds nothing. */
  add(row: StreamRow, ownerPid: number | undefined, now: number): void {
    if (row.ffmpeg_pid === null) return;
    this.#dropOld.run({ before: now - LIMITS.orphanProcessMs });
    this.#add.run({
      host: row.host,
      pid: row.ffmpeg_pid,
      startTicks: row.ffmpeg_start_ticks,
      streamId: row.id,
      owner: row.owner,
      ownerPid: ownerPid ?? null,
      now,
    });
  }

  forget(host: string, pid: number): void {
    this.#forget.run({ host, pid });
  }

  ofHost(host: string, now: number): OrphanProcess[] {
    const rows = this.#ofHost.all({ host, before: now - LIMITS.orphanProcessMs }) as unknown as OrphanRow[];
    return rows.map((row) => ({
      host: row.host,
      pid: row.pid,
      ...(row.start_ticks !== null && { startTicks: row.start_ticks }),
      streamId: row.stream_id,
      owner: row.owner,
      ...(row.owner_pid !== null && { ownerPid: row.owner_pid }),
      sinceMs: row.since_ms,
    }));
  }
}

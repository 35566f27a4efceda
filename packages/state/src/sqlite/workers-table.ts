import type { StatementSync } from 'node:sqlite';
import type { Heartbeat } from '../cluster-state.ts';
import type { WorkerRecord, WorkerStatus } from '../records.ts';
import type { Connection } from './connection.ts';

type SpokenOf = Heartbeat['worker'];

interface WorkerRow {
  readonly id: string;
  readonly record: string;
  readonly pid: number;
  readonly process: string;
  readonly replaced_process: string | null;
  readonly wanted_status: WorkerStatus;
  readonly heartbeat_ms: number;
  /** When it was last heard, by the clock that expiry goes by. */
  readonly heard_ms: number;
}

/** Who speaks under a worker id: its first process, the same as ever, a successor, or one that a successor has replaced. */
export type Speaker = 'first' | 'same' | 'successor' | 'replaced';

/** Nodes and their last heartbeats. What an operator wants of a worker is kept apart from what it says of itself. */
export class WorkersTable {
  readonly #row: StatementSync;
  readonly #put: StatementSync;
  readonly #want: StatementSync;
  readonly #all: StatementSync;
  readonly #dead: StatementSync;
  readonly #remove: StatementSync;

  constructor(connection: Connection) {
    this.#row = connection.prepare('SELECT * FROM workers WHERE id = $id');
    // A new process starts without its predecessor's orders: whoever drains a worker to restart it wants it back.
    this.#put = connection.prepare(`
      INSERT INTO workers (id, record, pid, process, heartbeat_ms, heard_ms)
      VALUES ($id, $record, $pid, $process, $now, $heard)
      ON CONFLICT (id) DO UPDATE SET
        record = excluded.record, pid = excluded.pid, heartbeat_ms = excluded.heartbeat_ms, heard_ms = excluded.heard_ms,
        replaced_process = iif(process = excluded.process, replaced_process, process),
        wanted_status = iif(process = excluded.process, wanted_status, 'ready'),
        process = excluded.process`);
    this.#want = connection.prepare('UPDATE workers SET wanted_status = $status WHERE id = $id');
    this.#all = connection.prepare('SELECT * FROM workers ORDER BY id');
    this.#dead = connection.prepare(
      'SELECT * FROM workers WHERE heard_ms <= $before ORDER BY heard_ms LIMIT $limit',
    );
    this.#remove = connection.prepare('DELETE FROM workers WHERE id = $id');
  }

  speaker(worker: SpokenOf): Speaker {
    const row = this.#get(worker.id);
    if (!row) return 'first';
    if (row.process === processOf(worker)) return 'same';
    return row.replaced_process === processOf(worker) ? 'replaced' : 'successor';
  }

  /** The status in force afterwards. Within a transaction. */
  put(worker: SpokenOf, now: number, heard: number): WorkerStatus {
    const { id, pid } = worker;
    this.#put.run({ id, pid, record: JSON.stringify(worker), process: processOf(worker), now, heard });
    return this.get(id)?.status ?? worker.status;
  }

  want(id: string, status: WorkerStatus): boolean {
    return Number(this.#want.run({ id, status }).changes) > 0;
  }

  get(id: string): WorkerRecord | undefined {
    const row = this.#get(id);
    return row && toWorker(row);
  }

  pid(id: string): number | undefined {
    return this.#get(id)?.pid;
  }

  heardMs(id: string): number | undefined {
    return this.#get(id)?.heard_ms;
  }

  /** Those that were heard after `before` are alive. */
  list(before: number): WorkerRecord[] {
    const rows = this.#all.all() as unknown as WorkerRow[];
    return rows.map((row) => ({ ...toWorker(row), alive: row.heard_ms > before }));
  }

  /** Those not heard since `before`. */
  silentSince(before: number, limit: number): WorkerRecord[] {
    return (this.#dead.all({ before, limit }) as unknown as WorkerRow[]).map(toWorker);
  }

  remove(id: string): void {
    this.#remove.run({ id });
  }

  #get(id: string): WorkerRow | undefined {
    return this.#row.get({ id }) as unknown as WorkerRow | undefined;
  }
}

/** Tells two lives of one worker id apart, without comparing anybody's clock. */
function processOf(worker: SpokenOf): string {
  return JSON.stringify([worker.host, worker.pid, worker.startedAtMs]);
}

function toWorker(row: WorkerRow): WorkerRecord {
  const said = JSON.parse(row.record) as SpokenOf;
  const draining = said.status === 'draining' || row.wanted_status === 'draining';
  return { ...said, status: draining ? 'draining' : 'ready', heartbeatMs: row.heartbeat_ms };
}

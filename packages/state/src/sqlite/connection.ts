import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StreampoolError } from '@streampool/errors';
import { isBusy, sqliteError } from './errors.ts';
import { migrate, refuseNewer } from './migrations.ts';

export interface ConnectionOptions {
  readonly path: string;
  /** How long a step waits for another process's transaction, in ms. */
  readonly busyTimeoutMs: number;
  /** ms since the epoch; SQLite's own clock by default, which is one for all processes that share the file. */
  readonly now?: () => number;
}

/** The open file: its clock, its transactions, its statements. Synchronous throughout. */
export class Connection {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;

  /** @throws StreampoolError CONFIG_INVALID, STATE_UNAVAILABLE */
  constructor(options: ConnectionOptions) {
    this.path = options.path;
    this.#db = open(options);
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#db.prepare('COMMIT');
    this.#rollback = this.#db.prepare('ROLLBACK');
    const clock = this.#db.prepare("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now");
    this.#now = options.now ?? (() => (clock.get() as { now: number }).now);
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /** The store's clock, in ms since the epoch. */
  now(): number {
    return this.#now();
  }

  /** One read, or several that need no common snapshot. @throws StreampoolError STATE_UNAVAILABLE */
  read<T>(run: () => T): T {
    if (!this.#db.isOpen) throw closed(this.path);
    try {
      return run();
    } catch (error) {
      throw sqliteError(error, this.path);
    }
  }

  /**
   * One atomic step. The write lock is taken at once (IMMEDIATE): a transaction that starts by reading and then finds
   * that it may not write could only fail. `run` gets the store's time, one for the whole step.
   * @throws StreampoolError STATE_UNAVAILABLE, and what `run` throws (then nothing has happened)
   */
  write<T>(run: (now: number) => T): T {
    if (!this.#db.isOpen) throw closed(this.path);
    try {
      this.#begin.run();
      try {
        const result = run(this.#now());
        this.#commit.run();
        return result;
      } catch (error) {
        if (this.#db.isTransaction) this.#rollback.run();
        throw error;
      }
    } catch (error) {
      throw sqliteError(error, this.path);
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

function closed(path: string): StreampoolError {
  return new StreampoolError('STATE_UNAVAILABLE', `the state file ${path} has been closed`);
}

function open(options: ConnectionOptions): DatabaseSync {
  const { path } = options;
  const deadline = Date.now() + options.busyTimeoutMs;
  for (;;) {
    let db: DatabaseSync | undefined;
    try {
      createPrivately(path);
      db = new DatabaseSync(path, { timeout: options.busyTimeoutMs });
      refuseNewer(db, path);
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;');
      const { quick_check: verdict } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
      if (verdict !== 'ok') throw Object.assign(new Error(verdict), { errcode: 11 });
      migrate(db);
      return db;
    } catch (error) {
      db?.close();
      // Changing a new file to WAL wants it alone and does not wait for its turn, whatever the timeout says.
      if (isBusy(error) && Date.now() < deadline)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      else throw sqliteError(error, path, true);
    }
  }
}

/** The file holds credentials of providers: only its owner may read it. SQLite gives its -wal and -shm files the same mode. */
function createPrivately(path: string): void {
  if (path === ':memory:') return;
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    throw new StreampoolError(
      'CONFIG_INVALID',
      `the state file ${path} cannot be created or written: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

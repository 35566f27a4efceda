import type { StatementSync } from 'node:sqlite';
import type { UserRecord } from '../sessions.ts';
import type { Connection } from './connection.ts';

/** What was said of users through the API. */
export class UsersTable {
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #remove: StatementSync;

  constructor(connection: Connection) {
    this.#put = connection.prepare(`
      INSERT INTO users VALUES ($name, $maxSessions) ON CONFLICT (name) DO UPDATE SET max_sessions = excluded.max_sessions`);
    this.#get = connection.prepare('SELECT name, max_sessions AS maxSessions FROM users WHERE name = $name');
    this.#remove = connection.prepare('DELETE FROM users WHERE name = $name');
  }

  put({ name, maxSessions }: UserRecord): void {
    this.#put.run({ name, maxSessions });
  }

  get(name: string): UserRecord | undefined {
    const row = this.#get.get({ name }) as unknown as UserRecord | undefined;
    return row && { name: row.name, maxSessions: row.maxSessions };
  }

  remove(name: string): boolean {
    return Number(this.#remove.run({ name }).changes) > 0;
  }
}

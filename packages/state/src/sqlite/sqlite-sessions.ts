import type { Page } from '../cluster-state.ts';
import type {
  SessionAnswer,
  SessionEnd,
  SessionRecord,
  SessionRequest,
  SessionState,
  SessionTouch,
  TouchAnswer,
  UserRecord,
} from '../sessions.ts';
import type { Connection } from './connection.ts';
import type { EventsTable } from './events-table.ts';
import type { Listening } from './listening.ts';
import { SessionsTable } from './sessions-table.ts';
import { UsersTable } from './users-table.ts';

export interface SqliteSessionsOptions {
  readonly connection: Connection;
  readonly events: EventsTable;
  readonly listening: Listening;
  readonly timeoutMs: number;
}

/** {@link SessionState} in the file: each method one transaction. */
export class SqliteSessions implements SessionState {
  readonly #connection: Connection;
  readonly #listening: Listening;
  readonly #users: UsersTable;
  readonly #sessions: SessionsTable;

  constructor({ connection, events, listening, timeoutMs }: SqliteSessionsOptions) {
    this.#connection = connection;
    this.#listening = listening;
    this.#users = new UsersTable(connection);
    this.#sessions = new SessionsTable({ connection, events, users: this.#users, timeoutMs });
  }

  async startSession(request: SessionRequest): Promise<SessionAnswer> {
    return this.#connection.write((now) => this.#sessions.start(request, this.#listening.at(now), now));
  }

  async touchSessions(node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]> {
    return this.#connection.write((now) => this.#sessions.touch(node, touches, this.#listening.at(now), now));
  }

  async endSession(sessionId: string, end: SessionEnd): Promise<SessionRecord | undefined> {
    return this.#connection.write((now) => this.#sessions.end(sessionId, end, now));
  }

  async getSession(sessionId: string): Promise<SessionRecord | undefined> {
    return this.#connection.read(() => this.#sessions.get(sessionId));
  }

  async listSessions(
    filter: { user?: string; streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<SessionRecord>> {
    return this.#connection.read(() => this.#sessions.list(filter, this.#heard()));
  }

  async countSessions(user: string): Promise<number> {
    return this.#connection.read(() => this.#sessions.count(user, this.#heard()));
  }

  async expireSessions(most: number): Promise<number> {
    // Whoever finds nothing writes nothing: a system at rest leaves its file alone.
    if (!this.#connection.read(() => this.#sessions.isAnyStale(this.#heard(), this.#connection.now())))
      return 0;
    return this.#connection.write((now) => this.#sessions.expire(most, this.#listening.at(now), now));
  }

  async putUser(user: UserRecord): Promise<void> {
    this.#connection.write(() => this.#users.put(user));
  }

  async getUser(name: string): Promise<UserRecord | undefined> {
    return this.#connection.read(() => this.#users.get(name));
  }

  async removeUser(name: string): Promise<boolean> {
    return this.#connection.write(() => this.#users.remove(name));
  }

  #heard(): number {
    return this.#listening.at(this.#connection.now());
  }
}

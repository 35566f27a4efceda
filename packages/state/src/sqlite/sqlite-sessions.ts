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
import { SessionTouches } from './session-touches.ts';
import { SessionsTable } from './sessions-table.ts';
import { UsersTable } from './users-table.ts';

export interface SqliteSessionsOptions {
  readonly connection: Connection;
  readonly events: EventsTable;
  readonly listening: Listening;
  readonly timeoutMs: number;
}

/**
 * {@link SessionState} in the file: each method one transaction, but for touches. Those only read; what they say is
 * written together (see {@link SessionTouches}), and before anything of this process that depends on it. To another process on
 * the same file a session may look as much older than it is as renewals are apart, a sixth of the timeout and a second.
 */
export class SqliteSessions implements SessionState {
  readonly #connection: Connection;
  readonly #listening: Listening;
  readonly #users: UsersTable;
  readonly #sessions: SessionsTable;
  readonly #touches: SessionTouches;

  constructor({ connection, events, listening, timeoutMs }: SqliteSessionsOptions) {
    this.#connection = connection;
    this.#listening = listening;
    this.#users = new UsersTable(connection);
    const touches = new SessionTouches(connection, timeoutMs);
    this.#touches = touches;
    this.#sessions = new SessionsTable({ connection, events, users: this.#users, touches, timeoutMs });
  }

  async startSession(request: SessionRequest): Promise<SessionAnswer> {
    return this.#write((now) => this.#sessions.start(request, this.#listening.at(now), now));
  }

  async touchSessions(node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]> {
    return this.#connection.read(() => {
      const now = this.#connection.now();
      return this.#sessions.touch(node, touches, this.#listening.at(now), now);
    });
  }

  async endSession(sessionId: string, end: SessionEnd): Promise<SessionRecord | undefined> {
    return this.#write((now) => this.#sessions.end(sessionId, end, now));
  }

  async getSession(sessionId: string): Promise<SessionRecord | undefined> {
    this.#touches.settle(this.#heard());
    return this.#connection.read(() => this.#sessions.get(sessionId));
  }

  async listSessions(
    filter: { user?: string; streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<SessionRecord>> {
    this.#touches.settle(this.#heard());
    return this.#connection.read(() => this.#sessions.list(filter, this.#heard()));
  }

  async countSessions(user: string): Promise<number> {
    this.#touches.settle(this.#heard());
    return this.#connection.read(() => this.#sessions.count(user, this.#heard()));
  }

  async expireSessions(most: number): Promise<number> {
    this.#touches.settle(this.#heard());
    // Whoever finds nothing writes nothing: a system at rest leaves its file alone.
    if (!this.#connection.read(() => this.#sessions.isAnyStale(this.#heard(), this.#connection.now())))
      return 0;
    return this.#write((now) => this.#sessions.expire(most, this.#listening.at(now), now));
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

  /** Before the file is closed. What cannot be written then is lost: a moment of activity. */
  close(): void {
    try {
      this.#touches.close();
    } catch {
      // Locked, or closed before.
    }
  }

  /** One step that goes by what touches have said. */
  #write<T>(run: (now: number) => T): T {
    this.#touches.settle(this.#heard());
    return this.#connection.write(run);
  }

  #heard(): number {
    return this.#listening.at(this.#connection.now());
  }
}

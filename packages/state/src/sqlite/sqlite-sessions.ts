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
import { SessionsTable, type Touched } from './sessions-table.ts';
import { UsersTable } from './users-table.ts';

export interface SqliteSessionsOptions {
  readonly connection: Connection;
  readonly events: EventsTable;
  readonly listening: Listening;
  readonly timeoutMs: number;
}

/**
 * How long what touches say may wait to be written, ms: far less than what a renewal lasts beyond the timeout. A transaction
 * writes whole pages, so one of a thousand touches costs little more than one of ten.
 */
const WRITE_WITHIN_MS = 1_000;

/**
 * {@link SessionState} in the file: each method one transaction, but for touches. Those only read, and what they say is
 * written together: within a second, and before anything of this process that depends on it. Of another process on
 * the same file a session may look a second older than it is.
 */
export class SqliteSessions implements SessionState {
  readonly #connection: Connection;
  readonly #listening: Listening;
  readonly #users: UsersTable;
  readonly #sessions: SessionsTable;
  readonly #touched = new Map<string, Touched>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ connection, events, listening, timeoutMs }: SqliteSessionsOptions) {
    this.#connection = connection;
    this.#listening = listening;
    this.#users = new UsersTable(connection);
    this.#sessions = new SessionsTable({ connection, events, users: this.#users, timeoutMs });
  }

  async startSession(request: SessionRequest): Promise<SessionAnswer> {
    return this.#write((now) => this.#sessions.start(request, this.#listening.at(now), now));
  }

  async touchSessions(node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]> {
    return this.#connection.read(() => {
      const now = this.#connection.now();
      const heard = this.#listening.at(now);
      const answers = this.#sessions.look(touches, heard, now);
      for (const [i, { id }] of touches.entries())
        if (answers[i] === 'ok') this.#touched.set(id, { node, now, heard });
      if (this.#touched.size > 0) this.#timer ??= setTimeout(() => this.#writeLate(), WRITE_WITHIN_MS);
      return answers;
    });
  }

  async endSession(sessionId: string, end: SessionEnd): Promise<SessionRecord | undefined> {
    return this.#write((now) => this.#sessions.end(sessionId, end, now));
  }

  async getSession(sessionId: string): Promise<SessionRecord | undefined> {
    this.#settle();
    return this.#connection.read(() => this.#sessions.get(sessionId));
  }

  async listSessions(
    filter: { user?: string; streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<SessionRecord>> {
    this.#settle();
    return this.#connection.read(() => this.#sessions.list(filter, this.#heard()));
  }

  async countSessions(user: string): Promise<number> {
    this.#settle();
    return this.#connection.read(() => this.#sessions.count(user, this.#heard()));
  }

  async expireSessions(most: number): Promise<number> {
    this.#settle();
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

  /** Before the file is closed. What cannot be written then is lost: a second of activity. */
  close(): void {
    if (this.#timer) this.#writeLate();
    clearTimeout(this.#timer);
  }

  /** One step that goes by what touches have said. */
  #write<T>(run: (now: number) => T): T {
    const result = this.#connection.write((now) => {
      this.#sessions.write(this.#touched);
      return run(now);
    });
    this.#forget();
    return result;
  }

  #settle(): void {
    if (this.#touched.size > 0) this.#write(() => {});
  }

  /** A file that is locked for long is tried again: nobody waits for this. */
  #writeLate(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#settle();
    } catch {
      this.#timer = setTimeout(() => this.#writeLate(), WRITE_WITHIN_MS);
    }
  }

  #forget(): void {
    this.#touched.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #heard(): number {
    return this.#listening.at(this.#connection.now());
  }
}

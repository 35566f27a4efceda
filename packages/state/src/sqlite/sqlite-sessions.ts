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
 * How long what touches say waits to be written, ms: far less than what a renewal lasts beyond the timeout. A transaction
 * writes whole pages, so one of two hundred touches costs little more than one of ten; beyond that others would wait for it.
 */
const WRITE_WITHIN_MS = 250;
const WRITES_AT_ONCE = 200;
const NEXT_WRITE_MS = 10;

/**
 * {@link SessionState} in the file: each method one transaction, but for touches. Those only read, and what they say is
 * written together: within a quarter of a second, and before anything of this process that depends on it. Of another process on
 * the same file a session may look that much older than it is.
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
      if (this.#touched.size > 0) this.#timer ??= setTimeout(() => this.#writeSome(), WRITE_WITHIN_MS);
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

  /** Before the file is closed. What cannot be written then is lost: a moment of activity. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#settle();
    } catch {
      // Locked, or closed before.
    }
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

  /** The oldest that wait. A file that is locked for long is tried again: nobody waits for this. */
  #writeSome(): void {
    this.#timer = undefined;
    const some = new Map([...this.#touched].slice(0, WRITES_AT_ONCE));
    let againMs = WRITE_WITHIN_MS;
    try {
      this.#connection.write(() => this.#sessions.write(some));
      for (const id of some.keys()) this.#touched.delete(id);
      againMs = NEXT_WRITE_MS;
    } catch {
      // They stay.
    }
    if (this.#touched.size > 0) this.#timer = setTimeout(() => this.#writeSome(), againMs);
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

import type { StatementSync } from 'node:sqlite';
import { renewalOf } from '../sessions.ts';
import type { Connection } from './connection.ts';

/** What the file says of a session, and what touches have said since. Times in ms; expiry by the clock that it goes by. */
interface TouchedSession {
  readonly id: string;
  /** The version of the file in which the next five were read, or written by this process. */
  version: number;
  number: number;
  storedNode: string;
  storedActiveMs: number;
  expiresMs: number;
  lookMs: number;
  node: string;
  activeMs: number;
  heardMs: number;
}

interface StoredRow {
  readonly number: number;
  readonly node: string;
  readonly last_active_ms: number;
  readonly expires_ms: number;
  readonly look_ms: number;
}

/** How long a renewal waits to be written, ms: what comes until then is written in the order of the file, so fewer pages are. */
const WRITE_WITHIN_MS = 1_000;
/** Renewals of one transaction: less than a millisecond, which is what others wait for it at most. */
const WRITES_AT_ONCE = 100;
const NEXT_WRITE_MS = 10;
/** No version of a file: what is known has to be read again. */
const UNSURE = -1;

/**
 * What this process has heard of sessions, and when it writes that. A session that it knows costs a touch no statement, for
 * as long as no other process has written to the file. Written are renewals alone: once within a sixth of the timeout for
 * each session, together, by their place in the file. The last activity is written along with them; in between it is known here.
 */
export class SessionTouches {
  readonly #connection: Connection;
  readonly #lastsMs: number;
  readonly #againBelowMs: number;
  readonly #known = new Map<string, TouchedSession>();
  /** To be written. */
  readonly #due = new Set<TouchedSession>();
  /** Those of them that another node served before. */
  readonly #moving = new Set<TouchedSession>();
  /** None of what is due expires before that by what the file says; ms. */
  #soonestMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  /** Taken from what is due, in the order of the file. */
  #batch: TouchedSession[] = [];
  #tidyAtMs = 0;
  readonly #version: StatementSync;
  readonly #read: StatementSync;
  readonly #renew: StatementSync;
  readonly #move: StatementSync;

  constructor(connection: Connection, timeoutMs: number) {
    this.#connection = connection;
    const { lastsMs, againBelowMs } = renewalOf(timeoutMs);
    this.#lastsMs = lastsMs;
    this.#againBelowMs = againBelowMs;
    // Changes when another connection has written to the file, and only then.
    this.#version = connection.prepare('PRAGMA data_version');
    this.#read = connection.prepare(`
      SELECT number, node, last_active_ms, expires_ms, look_ms
      FROM sessions CROSS JOIN session_activity USING (number) WHERE id = ?`);
    this.#renew = connection.prepare(
      'UPDATE session_activity SET last_active_ms = ?, expires_ms = ? WHERE number = ?',
    );
    this.#move = connection.prepare('UPDATE sessions SET node = ?, look_ms = ? WHERE number = ?');
  }

  /** Notes a touch of each by `node` at `now`, which is `heard` by the clock of expiry. False: there is no such session. */
  touch(ids: readonly string[], node: string, heard: number, now: number): boolean[] {
    const version = this.#fileVersion();
    return ids.map((id) => {
      const session = this.#know(id, version);
      if (!session) return false;
      session.node = node;
      session.activeMs = now;
      session.heardMs = heard;
      if (session.storedNode !== node) this.#moving.add(session);
      else if (session.expiresMs > heard + this.#againBelowMs) return true;
      this.#due.add(session);
      this.#soonestMs = Math.min(this.#soonestMs, session.expiresMs);
      this.#timer ??= setTimeout(() => this.#writeBatch(), WRITE_WITHIN_MS);
      return true;
    });
  }

  /** When it was active last, as far as this process has heard; ms. */
  lastActiveMs(id: string): number {
    return this.#known.get(id)?.activeMs ?? 0;
  }

  /** To be called when the session was removed or written to otherwise. */
  forget(id: string): void {
    const session = this.#known.get(id);
    if (session) this.#forget(session);
  }

  /**
   * Before anything that goes by what the file says of sessions: writes those of which it would tell wrongly who serves them,
   * or that they have expired, which are few. @throws StreampoolError STATE_UNAVAILABLE
   */
  settle(heard: number): void {
    const wrong = new Set(this.#moving);
    if (heard >= this.#soonestMs) {
      this.#soonestMs = Number.POSITIVE_INFINITY;
      for (const session of this.#due) {
        if (session.expiresMs <= heard) wrong.add(session);
        this.#soonestMs = Math.min(this.#soonestMs, session.expiresMs);
      }
    }
    if (wrong.size > 0) this.#write([...wrong]);
  }

  /** Writes all that is known, and no more after that. @throws StreampoolError STATE_UNAVAILABLE */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const unwritten = [...this.#known.values()].filter(
      (session) => this.#due.has(session) || session.activeMs > session.storedActiveMs,
    );
    if (unwritten.length > 0) this.#write(unwritten);
  }

  #know(id: string, version: number): TouchedSession | undefined {
    const known = this.#known.get(id);
    if (known?.version === version) return known;
    const row = this.#read.get(id) as unknown as StoredRow | undefined;
    if (!row) {
      if (known) this.#forget(known);
      return undefined;
    }
    const { number, node, last_active_ms, expires_ms, look_ms } = row;
    const stored = { version, number, storedNode: node, storedActiveMs: last_active_ms };
    const session = Object.assign(
      known ?? { id, node, activeMs: last_active_ms, heardMs: 0, ...stored, expiresMs: 0, lookMs: 0 },
      { ...stored, expiresMs: expires_ms, lookMs: look_ms },
    );
    this.#known.set(id, session);
    return session;
  }

  #forget(session: TouchedSession): void {
    this.#known.delete(session.id);
    this.#due.delete(session);
    this.#moving.delete(session);
  }

  /** Some of what is due. A file that is locked for long is tried again: nobody waits for this. */
  #writeBatch(): void {
    this.#timer = undefined;
    if (this.#batch.length === 0) this.#batch = [...this.#due].sort((a, b) => b.number - a.number);
    const some: TouchedSession[] = [];
    while (this.#batch.length > 0 && some.length < WRITES_AT_ONCE) {
      const next = this.#batch.pop();
      if (next && this.#due.has(next)) some.push(next);
    }
    try {
      if (some.length > 0) this.#write(some);
    } catch {
      // They stay, and come with the next batch.
      this.#batch = [];
    }
    this.#tidy();
    if (this.#due.size > 0)
      this.#timer = setTimeout(
        () => this.#writeBatch(),
        this.#batch.length > 0 ? NEXT_WRITE_MS : WRITE_WITHIN_MS,
      );
  }

  /** One transaction. What has gone in the meantime stays gone. */
  #write(sessions: readonly TouchedSession[]): void {
    try {
      this.#connection.write(() => {
        const version = this.#fileVersion();
        for (const session of sessions) if (this.#know(session.id, version) === session) this.#store(session);
      });
    } catch (error) {
      for (const session of sessions) session.version = UNSURE;
      throw error;
    }
    for (const session of sessions) {
      this.#due.delete(session);
      this.#moving.delete(session);
    }
    if (this.#due.size === 0) this.#soonestMs = Number.POSITIVE_INFINITY;
  }

  #store(session: TouchedSession): void {
    const { number, node, activeMs, heardMs } = session;
    // Another process may have heard of it later.
    const expiresMs = Math.max(heardMs + this.#lastsMs, session.expiresMs);
    session.storedActiveMs = Math.max(activeMs, session.storedActiveMs);
    session.expiresMs = expiresMs;
    this.#renew.run(session.storedActiveMs, expiresMs, number);
    // What indexes are ordered by is moved before it is reached, and no more often than that takes.
    if (session.storedNode === node && session.lookMs > heardMs + this.#lastsMs / 3) return;
    session.storedNode = node;
    session.lookMs = expiresMs;
    this.#move.run(node, expiresMs, number);
  }

  /** Sessions that another process has ended are not known for ever. */
  #tidy(): void {
    const now = this.#connection.now();
    if (now < this.#tidyAtMs) return;
    this.#tidyAtMs = now + this.#lastsMs;
    for (const session of this.#known.values())
      if (session.activeMs < now - 2 * this.#lastsMs && !this.#due.has(session)) this.#forget(session);
  }

  #fileVersion(): number {
    return (this.#version.get() as { data_version: number }).data_version;
  }
}

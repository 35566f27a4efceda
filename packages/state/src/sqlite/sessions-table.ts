import type { StatementSync } from 'node:sqlite';
import type { Page } from '../cluster-state.ts';
import { invalidCursor, pageLimit } from '../limits.ts';
import type { EventType } from '../records.ts';
import {
  ENDINGS,
  RETURNS,
  renewalOf,
  type SessionAnswer,
  type SessionDescription,
  type SessionEnd,
  type SessionRecord,
  type SessionRequest,
  type SessionTouch,
  type TouchAnswer,
} from '../sessions.ts';
import type { Connection } from './connection.ts';
import type { EventsTable } from './events-table.ts';
import type { SessionTouches } from './session-touches.ts';
import type { UsersTable } from './users-table.ts';

interface SessionRow {
  readonly id: string;
  readonly user: string;
  readonly place: string;
  readonly ip: string;
  readonly player: string;
  readonly stream_id: string;
  readonly client_id: string;
  readonly node: string;
  readonly user_agent: string;
  readonly started_at_ms: number;
  readonly last_active_ms: number;
}

type EndReason = 'left' | 'idle' | 'replaced' | 'ended';

export interface SessionsOptions {
  readonly connection: Connection;
  readonly events: EventsTable;
  readonly users: UsersTable;
  readonly touches: SessionTouches;
  readonly timeoutMs: number;
}

/** What expired sessions of one user are removed at once. */
const EXPIRED_PER_START = 1_000;
const COLUMNS = 'id, user, place, ip, player, stream_id, client_id, node, user_agent, started_at_ms';

/**
 * Viewing sessions. Within a transaction, all that changes them; `heard` is the time by the clock that expiry goes by, `now`
 * the store's own.
 */
export class SessionsTable {
  readonly #events: EventsTable;
  readonly #users: UsersTable;
  readonly #touches: SessionTouches;
  readonly #lastsMs: number;
  readonly #insert: StatementSync;
  readonly #goOn: StatementSync;
  readonly #renew: StatementSync;
  readonly #drop: StatementSync;
  readonly #get: StatementSync;
  readonly #atPlace: StatementSync;
  readonly #isTaken: StatementSync;
  readonly #expired: StatementSync;
  readonly #expiredOfUser: StatementSync;
  readonly #count: StatementSync;
  readonly #page: StatementSync;
  readonly #pageOfUser: StatementSync;
  readonly #pageOfStream: StatementSync;
  readonly #noteEnding: StatementSync;
  readonly #trimEndings: StatementSync;
  readonly #forgetEndings: StatementSync;
  readonly #endings: StatementSync;
  readonly #endingOf: StatementSync;
  readonly #stale: StatementSync;

  constructor({ connection, events, users, touches, timeoutMs }: SessionsOptions) {
    this.#events = events;
    this.#users = users;
    this.#touches = touches;
    this.#lastsMs = renewalOf(timeoutMs).lastsMs;
    const prepare = (sql: string): StatementSync => connection.prepare(sql);
    // CROSS JOIN: in this order, so that the indexes of sessions are used.
    const from = 'FROM sessions CROSS JOIN session_activity USING (number)';
    const select = `SELECT ${COLUMNS}, last_active_ms ${from}`;
    // The first is what there is an index for.
    const hasExpired = 'look_ms <= $heard AND expires_ms <= $heard';
    this.#insert = prepare(`
      INSERT INTO sessions (${COLUMNS}, look_ms) VALUES
      ($id, $user, $place, $ip, $player, $streamId, $clientId, $node, $userAgent, $now, $expiresMs)`);
    this.#goOn = prepare(`
      UPDATE sessions SET ip = $ip, client_id = $clientId, node = $node, user_agent = $userAgent,
        look_ms = $expiresMs WHERE id = $id`);
    this.#renew = prepare(`
      UPDATE session_activity SET last_active_ms = $now, expires_ms = $expiresMs
      WHERE number = (SELECT number FROM sessions WHERE id = $id)`);
    this.#drop = prepare('DELETE FROM sessions WHERE id = $id');
    this.#get = prepare(`${select} WHERE id = $id`);
    this.#atPlace = prepare(`${select} WHERE user = $user AND place = $place`);
    this.#isTaken = prepare(`SELECT 1 ${from} WHERE user = $user AND place = $place AND expires_ms > $heard`);
    this.#expired = prepare(`${select} WHERE ${hasExpired} ORDER BY look_ms LIMIT $most`);
    this.#expiredOfUser = prepare(`${select} WHERE user = $user AND ${hasExpired} LIMIT $most`);
    // Those that have expired are few: they go with the next start of the user, or the next sweep.
    this.#count = prepare(`
      SELECT coalesce((SELECT sessions FROM session_counts WHERE user = $user), 0)
        - (SELECT count(*) ${from} WHERE user = $user AND ${hasExpired}) AS sessions`);
    const page = 'id > $after AND expires_ms > $heard ORDER BY id LIMIT $limit';
    this.#page = prepare(`${select} WHERE ${page}`);
    this.#pageOfUser = prepare(
      `${select} WHERE user = $user AND ($streamId IS NULL OR stream_id = $streamId) AND ${page}`,
    );
    this.#pageOfStream = prepare(`${select} WHERE stream_id = $streamId AND ${page}`);
    const place = 'user = $user AND place = $place';
    this.#noteEnding = prepare(`
      INSERT INTO session_endings (session_id, user, place, player, stream_id, reason, at_ms)
      VALUES ($id, $user, $place, $player, $streamId, $reason, $now)`);
    this.#trimEndings = prepare(`
      DELETE FROM session_endings WHERE ${place} AND number <= (
        SELECT number FROM session_endings WHERE ${place} ORDER BY number DESC LIMIT 1 OFFSET ${ENDINGS.most})`);
    this.#forgetEndings = prepare('DELETE FROM session_endings WHERE at_ms <= $before');
    this.#endings = prepare(`
      SELECT reason, at_ms FROM session_endings
      WHERE ${place} AND player = $player AND stream_id = $streamId AND at_ms > $since ORDER BY number`);
    this.#endingOf = prepare(
      `SELECT reason FROM session_endings WHERE ${place} AND session_id = $id AND at_ms > $since`,
    );
    this.#stale = prepare(`
      SELECT EXISTS (SELECT 1 ${from} WHERE ${hasExpired})
        OR EXISTS (SELECT 1 FROM session_endings WHERE at_ms <= $before) AS found`);
  }

  /** See {@link SessionState.startSession}. */
  start(request: SessionRequest, heard: number, now: number): SessionAnswer {
    const { id, user, place, player, streamId, quietMs, resumes = false } = request;
    this.#dropAll(this.#expiredOfUser.all({ user, heard, most: EXPIRED_PER_START }), now);
    const limit = this.#users.get(user)?.maxSessions ?? request.limit;
    const active = this.count(user, heard);
    const row = this.#atPlace.get({ user, place }) as unknown as SessionRow | undefined;
    const current = row && this.#toSession(row);
    const expiresMs = heard + this.#lastsMs;

    if (current && current.player === player && current.streamId === streamId) {
      const { ip, clientId, node, userAgent } = request;
      this.#goOn.run({ id: current.id, ip, clientId, node, userAgent, expiresMs });
      this.#renew.run({ id: current.id, now, expiresMs });
      this.#touches.forget(current.id);
      return { granted: true, sessionId: current.id, active, limit };
    }
    if (current && resumes) return { granted: false, reason: 'replaced' };
    const reason = this.#whyNotYet(request, current, quietMs, now);
    if (reason) return { granted: false, reason };
    // Replacing makes them no more.
    if (!current && !resumes && limit > 0 && active >= limit) {
      this.#tell('session_refused', request, { active, limit }, now);
      return { granted: false, reason: 'limit', active, limit };
    }
    if (current) this.#end(current, 'replaced', now);
    const { ip, clientId, node, userAgent } = request;
    this.#insert.run({ id, user, place, ip, player, streamId, clientId, node, userAgent, now, expiresMs });
    this.#tell('session_started', request, { sessionId: id }, now);
    return {
      ...{ granted: true, sessionId: id, active: current ? active : active + 1, limit },
      ...(current && { replaced: current }),
    };
  }

  /** See {@link SessionState.touchSessions}. Only reads. */
  touch(node: string, touches: readonly SessionTouch[], heard: number, now: number): TouchAnswer[] {
    const ids = touches.map(({ id }) => id);
    const found = this.#touches.touch(ids, node, heard, now);
    return touches.map((touch, i) => (found[i] ? 'ok' : this.#whyGone(touch, heard, now)));
  }

  /** See {@link SessionState.endSession}. */
  end(sessionId: string, end: SessionEnd, now: number): SessionRecord | undefined {
    const session = this.get(sessionId);
    if (!session || (end.by === 'viewer' && session.node !== end.node)) return undefined;
    this.#end(session, end.by === 'viewer' ? 'left' : 'ended', now);
    return session;
  }

  get(id: string): SessionRecord | undefined {
    const row = this.#get.get({ id }) as unknown as SessionRow | undefined;
    return row && this.#toSession(row);
  }

  list(
    filter: { user?: string; streamId?: string; after?: string; limit?: number },
    heard: number,
  ): Page<SessionRecord> {
    const { user, streamId, after = '' } = filter;
    if (!/^[\w-]{0,64}$/.test(after)) throw invalidCursor(after);
    const limit = pageLimit(filter.limit);
    const page = { after, heard, limit: limit + 1 };
    const rows =
      user !== undefined
        ? this.#pageOfUser.all({ ...page, user, streamId: streamId ?? null })
        : streamId !== undefined
          ? this.#pageOfStream.all({ ...page, streamId })
          : this.#page.all(page);
    const items = (rows as unknown as SessionRow[]).slice(0, limit).map((row) => this.#toSession(row));
    const last = items.at(-1);
    return rows.length > limit && last ? { items, next: last.id } : { items };
  }

  count(user: string, heard: number): number {
    return (this.#count.get({ user, heard }) as { sessions: number }).sessions;
  }

  /** Is there something for {@link SessionsTable.expire}? */
  isAnyStale(heard: number, now: number): boolean {
    return (this.#stale.get({ heard, before: now - ENDINGS.keptMs }) as { found: number }).found === 1;
  }

  /** How many there were. */
  expire(most: number, heard: number, now: number): number {
    this.#forgetEndings.run({ before: now - ENDINGS.keptMs });
    return this.#dropAll(this.#expired.all({ heard, most }), now);
  }

  #whyGone({ id, user, place }: SessionTouch, heard: number, now: number): TouchAnswer {
    const since = now - ENDINGS.keptMs;
    const ending = this.#endingOf.get({ id, user, place, since }) as { reason: EndReason } | undefined;
    if (ending) return ending.reason === 'ended' ? 'ended' : 'replaced';
    return this.#isTaken.get({ user, place, heard }) ? 'replaced' : 'unknown';
  }

  /** See {@link SessionRequest.quietMs}. */
  #whyNotYet(
    { user, place, player, streamId, isOnePlayer = false }: SessionRequest,
    current: SessionRecord | undefined,
    quietMs: number,
    now: number,
  ): 'replaced' | 'ended' | undefined {
    const since = now - ENDINGS.keptMs;
    const endings = this.#endings.all({ user, place, player, streamId, since }) as unknown as {
      reason: EndReason;
      at_ms: number;
    }[];
    const last = endings.at(-1);
    if (!last || last.at_ms <= now - quietMs) return undefined;
    if (last.reason === 'ended') return 'ended';
    // A player that took its own place is zapping, and may come back at once.
    const isOften = !isOnePlayer && returnsOf(endings) >= RETURNS.most;
    const isOther = current && (current.player !== player || isOften);
    return isOther ? 'replaced' : undefined;
  }

  #dropAll(rows: readonly unknown[], now: number): number {
    for (const row of rows) this.#end(this.#toSession(row as SessionRow), 'idle', now);
    return rows.length;
  }

  #end(session: SessionRecord, reason: EndReason, now: number): void {
    const { id, user, place, player, streamId } = session;
    this.#drop.run({ id });
    this.#touches.forget(id);
    if (reason === 'replaced' || reason === 'ended') {
      this.#noteEnding.run({ id, user, place, player, streamId, reason, now });
      this.#trimEndings.run({ user, place });
    }
    this.#tell('session_ended', session, { sessionId: id, reason }, now);
  }

  #tell(
    type: EventType,
    { user, ip, clientId, node, streamId }: SessionDescription,
    particulars: Readonly<Record<string, string | number>>,
    now: number,
  ): void {
    this.#events.add([{ type, streamId, data: { user, ip, clientId, node, ...particulars } }], now);
  }

  #toSession(row: SessionRow): SessionRecord {
    return {
      id: row.id,
      user: row.user,
      ip: row.ip,
      place: row.place,
      player: row.player,
      streamId: row.stream_id,
      clientId: row.client_id,
      node: row.node,
      userAgent: row.user_agent,
      startedAtMs: row.started_at_ms,
      lastActiveMs: Math.max(row.last_active_ms, this.#touches.lastActiveMs(row.id)),
    };
  }
}

/** How often somebody has come back, by what ended of it before, oldest first. */
function returnsOf(endings: readonly { readonly at_ms: number }[]): number {
  let [returns, countedMs] = [0, Number.NEGATIVE_INFINITY];
  for (const { at_ms } of endings) {
    if (at_ms < countedMs + RETURNS.apartMs) continue;
    returns += 1;
    countedMs = at_ms;
  }
  return returns;
}

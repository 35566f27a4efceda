import { createHash } from 'node:crypto';
import type { Page } from '../cluster-state.ts';
import { invalidCursor, pageLimit } from '../limits.ts';
import {
  RETURNS,
  renewalOf,
  type SessionAnswer,
  type SessionEnd,
  type SessionRecord,
  type SessionRequest,
  type SessionState,
  type SessionTouch,
  type TouchAnswer,
  type UserRecord,
} from '../sessions.ts';
import type { Connection } from './connection.ts';
import type { ScriptName } from './scripts.ts';

/** Sessions that one script renews: about 3 ms of Redis' time. */
const TOUCHES_PER_STEP = 500;
/** The longest name that is part of a key as it is. */
const MOST_KEY_CHARS = 200;
const PLAIN = /^[\w.-]{0,200}$/;
const ANSWERS: Readonly<Record<string, TouchAnswer>> = { o: 'ok', r: 'replaced', e: 'ended', u: 'unknown' };

/** How the scripts tell of a start. */
type StartRow =
  | ['granted', id: string, active: number, limit: number, replacedId: string, replaced: string]
  | ['limit', active: number, limit: number]
  | ['replaced' | 'ended'];

/** {@link SessionState} in Redis: `iptv:streams`, `iptv:user_index:<user>:<place>` and the indexes beside them. */
export class RedisSessions implements SessionState {
  readonly #redis: Connection;
  readonly #leaseMs: number;
  readonly #lastsMs: number;
  readonly #againBelowMs: number;

  constructor(redis: Connection, leaseMs: number, timeoutMs: number) {
    this.#redis = redis;
    this.#leaseMs = leaseMs;
    const { lastsMs, againBelowMs } = renewalOf(timeoutMs);
    this.#lastsMs = lastsMs;
    this.#againBelowMs = againBelowMs;
  }

  async startSession(request: SessionRequest): Promise<SessionAnswer> {
    const { id, user, place, limit, quietMs, resumes = false, isOnePlayer = false } = request;
    const index = indexOf(user, place);
    const { ip, player, streamId, clientId, node, userAgent } = request;
    // The order of the first two is the touch's business: see include/sessions.lua.
    const described = { node, index, user, ip, place, player, streamId, clientId, userAgent };
    const row = (await this.#redis.run(
      ...['start-session' as const, JSON.stringify(described), id, index, limit, this.#lastsMs],
      ...[this.#leaseMs, quietMs, resumes ? '1' : '', isOnePlayer ? 0 : RETURNS.most, RETURNS.apartMs],
    )) as StartRow;
    if (row[0] === 'limit') return { granted: false, reason: 'limit', active: row[1], limit: row[2] };
    if (row[0] !== 'granted') return { granted: false, reason: row[0] };
    const [, sessionId, active, most, replacedId, replaced] = row;
    return {
      ...{ granted: true, sessionId, active, limit: most },
      ...(replacedId && { replaced: toSession(replacedId, replaced) }),
    };
  }

  async touchSessions(node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]> {
    const begins = `{"node":${JSON.stringify(node)},`;
    const step = (from: number): Promise<unknown> => {
      const call: [ScriptName, ...(string | number)[]] = [
        'touch-sessions',
        this.#lastsMs,
        this.#againBelowMs,
      ];
      call.push(this.#leaseMs, begins);
      for (const { id, user, place } of touches.slice(from, from + TOUCHES_PER_STEP))
        call.push(id, indexOf(user, place));
      return this.#redis.run(...call);
    };
    const steps: Promise<unknown>[] = [];
    for (let from = 0; from < touches.length; from += TOUCHES_PER_STEP) steps.push(step(from));
    const answers = (await Promise.all(steps)).join('');
    return Array.from(answers, (letter) => ANSWERS[letter] ?? 'unknown');
  }

  async endSession(sessionId: string, end: SessionEnd): Promise<SessionRecord | undefined> {
    const json = await this.#redis.run('end-session', sessionId, end.by === 'viewer' ? end.node : '');
    return typeof json === 'string' ? toSession(sessionId, json) : undefined;
  }

  async getSession(sessionId: string): Promise<SessionRecord | undefined> {
    const json = await this.#redis.command((redis) =>
      redis.hget(`${this.#redis.prefix}iptv:streams`, sessionId),
    );
    return json === null ? undefined : toSession(sessionId, json);
  }

  async listSessions(
    filter: { user?: string; streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<SessionRecord>> {
    const limit = pageLimit(filter.limit);
    const user = filter.user === undefined ? '' : indexOf(filter.user, '');
    const rows = (await this.#redis.run(
      ...['list-sessions' as const, user, filter.streamId ?? '', cursorOf(filter.after), limit + 1],
      this.#leaseMs,
    )) as string[];
    const items: SessionRecord[] = [];
    for (let i = 0; i + 1 < rows.length && items.length < limit; i += 2)
      items.push(toSession(rows[i] as string, rows[i + 1] as string));
    const last = items.at(-1);
    return rows.length / 2 > limit && last ? { items, next: last.id } : { items };
  }

  async countSessions(user: string): Promise<number> {
    return (await this.#redis.run('count-sessions', indexOf(user, ''), this.#leaseMs)) as number;
  }

  async expireSessions(most: number): Promise<number> {
    return (await this.#redis.run('expire-sessions', this.#leaseMs, most)) as number;
  }

  async putUser(user: UserRecord): Promise<void> {
    await this.#redis.command((redis) => redis.hset(this.#users, user.name, JSON.stringify(user)));
  }

  async getUser(name: string): Promise<UserRecord | undefined> {
    const json = await this.#redis.command((redis) => redis.hget(this.#users, name));
    return json === null ? undefined : (JSON.parse(json) as UserRecord);
  }

  async removeUser(name: string): Promise<boolean> {
    return (await this.#redis.command((redis) => redis.hdel(this.#users, name))) === 1;
  }

  get #users(): string {
    return `${this.#redis.prefix}iptv:users`;
  }
}

/** What follows `iptv:user_index:`. The user's part holds no colon, so that the first one parts it from the place (an IPv6 address has some). */
export function indexOf(user: string, place: string): string {
  return `${keyPart(user)}:${keyPart(place).replace(/%3A/g, ':').replace(/%2F/g, '/')}`;
}

/** No two texts become the same part. Escaping leaves no `=`, so nobody can be named like the shortened name of another. */
function keyPart(plain: string): string {
  if (PLAIN.test(plain)) return plain;
  const text = encodeURIComponent(plain.toWellFormed());
  if (text.length <= MOST_KEY_CHARS) return text;
  return `${text.slice(0, MOST_KEY_CHARS / 2)}=${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

/** @throws StreampoolError INVALID_REQUEST */
function cursorOf(after: string | undefined): string {
  if (after === undefined) return '';
  if (!/^[\w-]{1,64}$/.test(after)) throw invalidCursor(after);
  return after;
}

function toSession(id: string, json: string): SessionRecord {
  const { index, untilMs, ...session } = JSON.parse(json) as Omit<SessionRecord, 'id'> & {
    index: string;
    untilMs: number;
  };
  return { id, ...session };
}

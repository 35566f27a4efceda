/** Viewing sessions: who, by name, watches what from where; and how many each may have at once. */

/** What a session is made of when it begins. Free of credentials: operators see it. */
export interface SessionDescription {
  /** The name the viewer came with. */
  readonly user: string;
  readonly ip: string;
  /** What the session is bound to, of which a user has one each: the address, or one player at it. */
  readonly place: string;
  /** What tells one player at a place from another, and stays the same when it asks again. */
  readonly player: string;
  readonly streamId: string;
  /** Of the viewer that spoke last in its name; a player that reads in several places has several. */
  readonly clientId: string;
  /** The node that serves it. */
  readonly node: string;
  readonly userAgent: string;
}

export interface SessionRecord extends SessionDescription {
  readonly id: string;
  readonly startedAtMs: number;
  readonly lastActiveMs: number;
}

export interface SessionRequest extends SessionDescription {
  /** Names the session if it is a new one: random, chosen by the caller. */
  readonly id: string;
  /** The most sessions of this user; 0: any number. What was said of the user through {@link SessionState.putUser} goes before it. */
  readonly limit: number;
  /**
   * For this long a player that was replaced by another, or ended by an operator, is not let in again to the same stream;
   * ms. It goes on asking by itself, and would take the place of whoever has it now.
   */
  readonly quietMs: number;
  /**
   * The viewer has been served all along, but the store does not know its session: it lost its memory, or was away when
   * the session began. Taken up whatever the limit, for it is there; but not in the place of another.
   */
  readonly resumes?: boolean;
  /** The player has named itself: it is no two that look alike, however often it comes back. */
  readonly isOnePlayer?: boolean;
}

export type SessionAnswer =
  | {
      readonly granted: true;
      /** The one that was asked for, or the one that this player has on this stream already. */
      readonly sessionId: string;
      /** Sessions of the user with this one, and the most; 0: any number. */
      readonly active: number;
      readonly limit: number;
      /** What the user watched from there until now: its viewers are to be ended, on whichever node. */
      readonly replaced?: SessionRecord;
      /** The store could not be asked: granted by this node alone, which says so again (`resumes`) when the store is back. */
      readonly isUnconfirmed?: true;
    }
  | { readonly granted: false; readonly reason: 'limit'; readonly active: number; readonly limit: number }
  /** Another player has the place now, or an operator ended this one, not long ago. */
  | { readonly granted: false; readonly reason: 'replaced' | 'ended' };

/** What renews a session: its id, and where to look for a reason if it is gone. */
export interface SessionTouch {
  readonly id: string;
  readonly user: string;
  readonly place: string;
}

/**
 * `ok`: renewed. `replaced`: the user watches something else from there now. `ended`: by an operator. `unknown`: expired,
 * or the store has no memory of it; the viewer may start anew.
 */
export type TouchAnswer = 'ok' | 'replaced' | 'ended' | 'unknown';

export type SessionEnd =
  /** Its viewer has gone, says a node: nothing happens to a session that another node has taken over. */
  { readonly by: 'viewer'; readonly node: string } | { readonly by: 'operator' };

/** What was said of a user through the API. */
export interface UserRecord {
  readonly name: string;
  /** Sessions at once; 0: any number. */
  readonly maxSessions: number;
}

/** A session of which nothing is heard for so long expires, within a sixth of that time more; ms. */
export const DEFAULT_SESSION_TIMEOUT_MS = 30_000;

/**
 * What a renewal lasts, ms: the timeout, and so much more that touches within that time need not renew again. Most of what a
 * viewer asks for comes soon after something else; then only its last activity is noted, which no index is ordered by.
 */
export function renewalOf(timeoutMs: number): { lastsMs: number; againBelowMs: number } {
  return { lastsMs: Math.round((timeoutMs * 7) / 6), againBelowMs: timeoutMs };
}

/**
 * Sessions expire by the clock that stands still while nobody is heard (see `listening`). One that has expired is gone for
 * every count, list and start; touched before anybody else came it lives on, for then it was in nobody's way.
 */
export interface SessionState {
  /**
   * One step: what of the user's has expired goes; the same player on the same stream goes on with the session it has;
   * another one at this place is replaced; else there is room or there is not. So two starts at once never both pass a limit of one.
   */
  startSession(request: SessionRequest): Promise<SessionAnswer>;
  /** Renews; answers are in the order of the touches. `node` is the one that serves them from now on. */
  touchSessions(node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]>;
  /** What it was; undefined if there was none, or nothing was to be done. */
  endSession(sessionId: string, end: SessionEnd): Promise<SessionRecord | undefined>;
  getSession(sessionId: string): Promise<SessionRecord | undefined>;
  /** In an order that stays while pages are read. `limit` at most 1,000, 100 by default. @throws StreampoolError INVALID_REQUEST for an `after` that is no cursor */
  listSessions(filter?: {
    user?: string;
    streamId?: string;
    after?: string;
    limit?: number;
  }): Promise<{ readonly items: SessionRecord[]; readonly next?: string }>;
  /** Sessions of a user; its cost does not grow with them. */
  countSessions(user: string): Promise<number>;
  /** Removes what has expired, `most` at most, and tells of each by an event. How many there were. */
  expireSessions(most: number): Promise<number>;

  putUser(user: UserRecord): Promise<void>;
  getUser(name: string): Promise<UserRecord | undefined>;
  /** False if nothing was said of it. */
  removeUser(name: string): Promise<boolean>;
}

/** What ended not long ago is remembered per place, for those who go on asking; the newest of them, for so long. */
export const ENDINGS = { most: 8, keptMs: 60_000 } as const;
/**
 * Whoever comes back to one stream more often than this while endings are remembered is two players that look alike, not one that
 * zaps. Endings that are closer to each other than `apartMs` count once: players poll more seldom than people press keys.
 */
export const RETURNS = { most: 4, apartMs: 1_000 } as const;

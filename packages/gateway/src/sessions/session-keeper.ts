import { randomUUID } from 'node:crypto';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type SessionAnswer, type SessionRecord, type SessionState, TouchGroups } from '@streampool/state';
import { type Clock, type StreamEngineApi, systemClock } from '@streampool/streaming';
import type { Logger } from 'pino';
import type { Peers } from '../options.ts';
import type { ViewerIdentity } from '../viewers/viewer-identity.ts';
import { type Attendance, isGone, type KeptSession, type SessionOver } from './kept-session.ts';
import { limitOf, type SessionSettings } from './session-settings.ts';
import { type Watching, watchingOf } from './watching.ts';

export interface SessionKeeperOptions {
  readonly state: SessionState;
  readonly engine: Pick<StreamEngineApi, 'on' | 'disconnect'>;
  readonly nodeId: string;
  readonly settings: SessionSettings;
  readonly log: Logger;
  /** Absent: there are no other nodes. */
  readonly peers?: Pick<Peers, 'disconnect'>;
  readonly observe?: SessionObserver;
  readonly clock?: Clock;
}

/** What became of a start. `unconfirmed`: the store was away. */
export type StartOutcome = 'new' | 'again' | 'replacing' | 'unconfirmed' | 'limit' | SessionOver;

export interface SessionObserver {
  started(outcome: StartOutcome): void;
  /** What was asked of the store: sessions renewed, and how many of them were over. */
  renewed(sessions: number, over: number): void;
}

/** What a viewer is told when it goes on. `ok` also where it has no session. */
export type TouchOutcome = 'ok' | SessionOver;

/** How often the sessions of this node are looked through; the renewals of all are spread over as many looks as a third of the timeout has. */
const LOOK_MS = 500;
/** What a viewer does within this time of its session's last renewal renews nothing; ms. */
const COALESCE_MS = 2_000;
/** A viewer that has gone may be back in this time (players that seek in a file are), before its session ends; ms. */
const LINGER_MS = 1_000;
/** A player that was replaced by another one, or ended by an operator, is not let in again to the same stream for this long; ms. */
const QUIET_MS = 5_000;
/** How long after it was last heard of this node knows that a viewer's session is over; then the store is asked anew. */
const REMEMBER_OVER_MS = 60_000;

/**
 * The sessions that have viewers at this node: starts them, keeps them alive while somebody watches, and ends their viewers
 * when they end elsewhere. Viewers without a name have none. Nothing here waits for a store that is away: viewers go on,
 * and the store is told when it is back.
 */
export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #clock: Clock;
  readonly #groups: TouchGroups;
  readonly #sessions = new Map<string, KeptSession>();
  /** By stream and client. */
  readonly #attendances = new Map<string, Attendance>();
  /** The stream that a client came for last. */
  readonly #latest = new Map<string, Attendance>();
  readonly #unlisten: (() => void)[];
  #cancelLook: (() => void) | undefined;
  #renewing = false;
  #closed = false;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#groups = new TouchGroups({ state: options.state, node: options.nodeId });
    const { engine } = options;
    this.#unlisten = [
      engine.on('viewer_attached', ({ streamId, clientId }) => {
        const attendance = this.#attendances.get(keyOf(streamId, clientId));
        if (!attendance) return;
        attendance.isHere = true;
        // Replaced while it was on its way in.
        if (attendance.session.over !== undefined) this.#endHere(attendance);
        // By another node, perhaps, which asked for the end of a viewer that nobody here had yet.
        else if (options.peers && attendance.coming > 0) void this.#askOnce(attendance.session, true);
      }),
      engine.on('viewer_detached', ({ streamId, clientId }) => {
        const attendance = this.#attendances.get(keyOf(streamId, clientId));
        if (!attendance) return;
        attendance.isHere = false;
        attendance.heardAt = this.#clock.now();
      }),
    ];
  }

  /** Sessions with viewers at this node. */
  get active(): number {
    let active = 0;
    for (const { over } of this.#sessions.values()) if (over === undefined) active += 1;
    return active;
  }

  /**
   * A viewer wants to begin. What its user watched from there until now is over, wherever its viewers are; the same player
   * on the same stream goes on with the session it has. Granted: {@link SessionKeeper.settle} has to follow.
   * @throws StreampoolError USER_LIMIT; VIEWER_ENDED: another player took its place, or an operator ended it, a moment ago
   */
  async start(viewer: ViewerIdentity, streamId: string): Promise<void> {
    const watching = watchingOf(viewer, streamId, this.#options.settings.scope);
    if (!watching || this.#closed) return;
    const answer = await this.#ask(watching, {});
    const outcome = this.#take(watching, answer);
    this.#options.observe?.started(outcome);
    if (answer.granted) return;
    if (answer.reason !== 'limit') throw viewerEnded(answer.reason);
    throw new StreampoolError('USER_LIMIT', manyAlready(answer.active, answer.limit), {
      retryAfterSeconds: Math.ceil(LINGER_MS / 1_000) + 1,
      info: { active: answer.active, limit: answer.limit },
    });
  }

  /** As {@link SessionKeeper.touch}, where that has nobody to ask. False: ask that. */
  goesOn({ clientId, username }: ViewerIdentity, streamId: string): boolean {
    if (username === undefined || this.#closed) return true;
    const attendance = this.#attendances.get(keyOf(streamId, clientId));
    if (!attendance || attendance.watching.user !== username) return false;
    const now = this.#clock.now();
    const { over, renewedAt } = attendance.session;
    if (over !== undefined || now - renewedAt >= COALESCE_MS) return false;
    attendance.heardAt = now;
    return true;
  }

  /**
   * A viewer goes on: it asked for a playlist or a segment. Within a moment of the last time this asks nobody. One that this
   * node does not know (it came through another one so far) starts.
   * @throws StreampoolError USER_LIMIT, of one whose session had expired
   */
  async touch(viewer: ViewerIdentity, streamId: string): Promise<TouchOutcome> {
    if (this.goesOn(viewer, streamId)) return 'ok';
    const attendance = this.#attendances.get(keyOf(streamId, viewer.clientId));
    if (!attendance || attendance.watching.user !== viewer.username) {
      try {
        await this.start(viewer, streamId);
        return 'ok';
      } catch (error) {
        if (isStreampoolError(error, 'VIEWER_ENDED'))
          return error.info.reason === 'ended' ? 'ended' : 'replaced';
        throw error;
      }
    }
    const { session } = attendance;
    const now = this.#clock.now();
    // Heard of for the first time after long: others may have come in the meantime.
    const isFresh = now - Math.max(attendance.heardAt, session.renewedAt) < this.#options.settings.timeoutMs;
    attendance.heardAt = now;
    if (session.over === undefined && now - session.renewedAt >= COALESCE_MS) {
      await this.#askOnce(session, isFresh);
    }
    return attendance.session.over ?? 'ok';
  }

  /** Another viewer has its place: whether it may have it back is decided by its next start. */
  wasReplaced({ clientId, username }: ViewerIdentity, streamId: string): boolean {
    const attendance = this.#attendances.get(keyOf(streamId, clientId));
    return attendance?.session.over === 'replaced' && attendance.watching.user === username;
  }

  /** To be called once after each start that was granted, when the engine has the viewer, or it is clear that it will not. */
  settle({ clientId }: Pick<ViewerIdentity, 'clientId'>, streamId: string): void {
    const attendance = this.#attendances.get(keyOf(streamId, clientId));
    if (!attendance) return;
    attendance.coming = Math.max(0, attendance.coming - 1);
    attendance.heardAt = this.#clock.now();
  }

  /**
   * Ends a session for an operator, with its viewers on whichever node. Undefined: there is none. `confirmed`: its viewers
   * are gone; else its node did not answer, and they learn of it when they are next renewed.
   * @throws StreampoolError STATE_UNAVAILABLE
   */
  async end(sessionId: string): Promise<{ session: SessionRecord; confirmed: boolean } | undefined> {
    const session = await this.#options.state.endSession(sessionId, { by: 'operator' });
    return session && { session, confirmed: await this.#endViewers(session, 'ended') };
  }

  /** Idempotent. The sessions of viewers that are still there end by themselves, unless another node takes them over. */
  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    for (const unlisten of this.#unlisten) unlisten();
  }

  /** Asks the store for a session. While it cannot be asked, the answer is this node's own. */
  async #ask(watching: Watching, how: { id?: string; resumes?: boolean }): Promise<SessionAnswer> {
    const { state, nodeId, settings } = this.#options;
    const limit = limitOf(settings, watching.user);
    const id = how.id ?? randomUUID();
    try {
      return await state.startSession({
        ...{ ...watching, id, limit, node: nodeId, quietMs: QUIET_MS },
        ...(how.resumes && { resumes: true }),
      });
    } catch (error) {
      if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) throw error;
      return { granted: true, sessionId: id, active: 0, limit, isUnconfirmed: true };
    }
  }

  /** Keeps what the store has granted; ends who was replaced. */
  #take(watching: Watching, answer: SessionAnswer): StartOutcome {
    if (!answer.granted) return answer.reason;
    const now = this.#clock.now();
    if (answer.replaced) void this.#endViewers(answer.replaced, 'replaced', watching);
    const known = this.#sessions.get(answer.sessionId);
    const session = known ?? newSession(answer.sessionId, watching);
    this.#sessions.set(session.id, session);
    // Without the store's word it is to be asked as soon as it can be.
    session.renewedAt = answer.isUnconfirmed ? Number.NEGATIVE_INFINITY : now;
    session.dueAt = answer.isUnconfirmed ? now + COALESCE_MS : now + this.#renewAfterMs();
    delete session.over;
    this.#attend(session, watching, now);
    this.#cancelLook ??= this.#clock.after(LOOK_MS, () => this.#look());
    if (answer.isUnconfirmed) return 'unconfirmed';
    if (answer.replaced) return 'replacing';
    return known ? 'again' : 'new';
  }

  #attend(session: KeptSession, watching: Watching, now: number): void {
    const key = keyOf(watching.streamId, watching.clientId);
    const known = this.#attendances.get(key);
    const attendance: Attendance = known ?? { watching, session, isHere: false, coming: 0, heardAt: now };
    if (attendance.session !== session) attendance.session.attendances.delete(attendance);
    attendance.coming += 1;
    attendance.heardAt = now;
    attendance.session = session;
    session.attendances.add(attendance);
    this.#attendances.set(key, attendance);
    this.#latest.set(watching.clientId, attendance);
  }

  /** Whoever asks while the store is being asked waits for that answer. */
  #askOnce(session: KeptSession, isFresh: boolean): Promise<void> {
    session.asking ??= this.#renew(session, isFresh).finally(() => {
      delete session.asking;
    });
    return session.asking;
  }

  /** One session. `isFresh`: its viewers were heard of within the timeout, so that if the store does not know it, it has forgotten. */
  async #renew(session: KeptSession, isFresh: boolean): Promise<void> {
    const { id, watching } = session;
    const { user, place } = watching;
    try {
      const answer = await this.#groups.touch({ id, user, place });
      await this.#learn(session, answer, isFresh);
    } catch (error) {
      this.#couldNot(session, error);
    }
  }

  async #learn(
    session: KeptSession,
    answer: SessionOver | 'ok' | 'unknown',
    isFresh: boolean,
  ): Promise<void> {
    const now = this.#clock.now();
    if (answer === 'ok') {
      session.renewedAt = now;
      session.dueAt = now + this.#renewAfterMs();
    } else if (answer !== 'unknown') this.#over(session, answer);
    else await this.#resume(session, isFresh);
    this.#options.observe?.renewed(1, session.over === undefined ? 0 : 1);
  }

  /** The store does not know a session whose viewers are here. */
  async #resume(session: KeptSession, isFresh: boolean): Promise<void> {
    const latest = [...session.attendances].at(-1)?.watching ?? session.watching;
    const answer = await this.#ask(latest, { id: session.id, resumes: isFresh });
    if (!answer.granted) {
      this.#over(session, answer.reason === 'ended' ? 'ended' : 'replaced');
      return;
    }
    if (answer.isUnconfirmed) {
      session.dueAt = this.#clock.now() + COALESCE_MS;
      return;
    }
    if (answer.replaced) void this.#endViewers(answer.replaced, 'replaced', latest);
    if (answer.sessionId !== session.id) {
      this.#sessions.delete(session.id);
      session.id = answer.sessionId;
      this.#sessions.set(session.id, session);
    }
    session.renewedAt = this.#clock.now();
    session.dueAt = session.renewedAt + this.#renewAfterMs();
  }

  /** Nobody's viewers end because the store cannot be asked. */
  #couldNot(session: KeptSession, error: unknown): void {
    session.dueAt = this.#clock.now() + COALESCE_MS;
    if (!isStreampoolError(error, 'STATE_UNAVAILABLE'))
      this.#options.log.warn({ err: error }, 'a viewing session could not be renewed');
  }

  /** A session is not its viewers' any more: they end here. How many there were. */
  #over(session: KeptSession, over: SessionOver): number {
    if (session.over !== undefined) return 0;
    session.over = over;
    const { user, streamId } = session.watching;
    const ended = [...session.attendances].filter((attendance) => this.#endHere(attendance)).length;
    this.#options.log.info(
      { sessionId: session.id, user, streamId, over, viewers: ended },
      'viewing session over',
    );
    return ended;
  }

  /** The engine ends a client whatever it watches: one that has come for another stream since had its older viewer ended then. */
  #endHere(attendance: Attendance): boolean {
    const { clientId } = attendance.watching;
    if (isGone(attendance) || this.#latest.get(clientId) !== attendance) return false;
    return this.#options.engine.disconnect(clientId);
  }

  /** Ends the viewers of a session wherever they are; `by`: who took its place. True if they are gone. Never rejects. */
  async #endViewers(
    { id, node, clientId, streamId, player }: SessionRecord,
    over: SessionOver,
    by?: Watching,
  ): Promise<boolean> {
    const { peers, nodeId } = this.#options;
    const here = this.#sessions.get(id);
    if (here) this.#over(here, over);
    if (node === nodeId || !peers) return true;
    const hasMoved = by?.player === player;
    const found = await peers.disconnect(node, clientId, streamId, { hasMoved }).catch(() => undefined);
    return found !== undefined;
  }

  /** Renews what is due, and lets go of those who have gone. */
  #look(): void {
    this.#cancelLook = undefined;
    if (this.#closed) return;
    const now = this.#clock.now();
    const due: KeptSession[] = [];
    for (const session of this.#sessions.values()) {
      this.#letGo(session, now);
      const isDue = session.over === undefined && session.dueAt <= now && !session.asking;
      if (isDue && hasSomebody(session)) due.push(session);
    }
    if (due.length > 0 && !this.#renewing) void this.#renewAll(due);
    if (this.#sessions.size > 0) this.#cancelLook = this.#clock.after(LOOK_MS, () => this.#look());
  }

  #letGo(session: KeptSession, now: number): void {
    const { timeoutMs } = this.#options.settings;
    for (const attendance of session.attendances) {
      const { watching, isHere, heardAt } = attendance;
      if (isHere && session.over === undefined) continue;
      const patienceMs =
        session.over !== undefined ? REMEMBER_OVER_MS : isGone(attendance) ? LINGER_MS : timeoutMs;
      if (now - heardAt < patienceMs) continue;
      session.attendances.delete(attendance);
      this.#attendances.delete(keyOf(watching.streamId, watching.clientId));
      if (this.#latest.get(watching.clientId) === attendance) this.#latest.delete(watching.clientId);
    }
    if (session.attendances.size > 0) return;
    this.#sessions.delete(session.id);
    if (session.over !== undefined) return;
    const { state, nodeId } = this.#options;
    // While the store is away it expires by itself.
    state.endSession(session.id, { by: 'viewer', node: nodeId }).catch(() => {});
  }

  /** One call for all that are due, of which there is never more than one under way. */
  async #renewAll(due: readonly KeptSession[]): Promise<void> {
    const { state, nodeId } = this.#options;
    this.#renewing = true;
    try {
      const touches = due.map(({ id, watching: { user, place } }) => ({ id, user, place }));
      const answers = await state.touchSessions(nodeId, touches);
      await Promise.all(due.map((session, i) => this.#learn(session, answers[i] ?? 'unknown', true)));
    } catch (error) {
      for (const session of due) this.#couldNot(session, error);
    } finally {
      this.#renewing = false;
    }
  }

  /** So that those who came at one moment are not renewed at one moment for ever. */
  #renewAfterMs(): number {
    return (this.#options.settings.timeoutMs / 3) * (0.75 + Math.random() / 4);
  }
}

function hasSomebody({ attendances }: KeptSession): boolean {
  for (const attendance of attendances) if (!isGone(attendance)) return true;
  return false;
}

function newSession(id: string, watching: Watching): KeptSession {
  return { id, watching, attendances: new Set(), renewedAt: 0, dueAt: 0 };
}

function keyOf(streamId: string, clientId: string): string {
  return `${streamId}:${clientId}`;
}

function viewerEnded(reason: SessionOver): StreampoolError {
  const why =
    reason === 'ended'
      ? 'This viewing session was ended by an operator'
      : 'The same user watches something else from this address with another player now';
  return new StreampoolError('VIEWER_ENDED', why, { info: { reason } });
}

function manyAlready(active: number, limit: number): string {
  return `This user watches ${active} streams already, of ${limit} at once`;
}

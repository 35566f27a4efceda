import type { SessionAnswer, SessionRequest, SessionTouch, TouchAnswer } from '../sessions.ts';

/** What a node says to a viewer that begins while the store is away: come in. Whoever is there already counts on. */
export function grantedUnheard({ id, limit }: SessionRequest): SessionAnswer {
  return { granted: true, sessionId: id, active: 0, limit, isUnconfirmed: true };
}

/** Nobody's session ends because nobody can be asked. */
export function renewedUnheard(touches: readonly SessionTouch[]): TouchAnswer[] {
  return touches.map(() => 'ok');
}

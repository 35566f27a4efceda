import type { ViewerIdentity } from '../viewers/viewer-identity.ts';
import type { SessionSettings } from './session-settings.ts';

/** Who is there by name, and on what. */
export interface Watching {
  readonly user: string;
  readonly ip: string;
  readonly place: string;
  readonly player: string;
  /** It chose what it is called. */
  readonly isOnePlayer: boolean;
  readonly streamId: string;
  readonly clientId: string;
  readonly userAgent: string;
}

/** Undefined for a viewer without a name: it has no session. */
export function watchingOf(
  { clientId, chosen, ip, userAgent, username }: ViewerIdentity,
  streamId: string,
  scope: SessionSettings['scope'],
): Watching | undefined {
  if (username === undefined) return undefined;
  // An id that we made up is another one at each request; what a player calls itself stays.
  const player = chosen ? `id ${clientId}` : `as ${userAgent}`;
  const place = scope === 'player' ? `${ip}/${player}` : ip;
  return { user: username, ip, place, player, isOnePlayer: chosen, streamId, clientId, userAgent };
}

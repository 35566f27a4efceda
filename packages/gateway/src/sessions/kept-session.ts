import type { Watching } from './watching.ts';

/** Why a viewer's session is not its own any more. */
export type SessionOver = 'replaced' | 'ended';

/** A viewer of a session at this node. */
export interface Attendance {
  readonly watching: Watching;
  session: KeptSession;
  /** The engine has it: it has a socket, or is counted as one that asks again and again. */
  isHere: boolean;
  /** Starts that were granted and have not been settled. */
  coming: number;
  /** When it asked for something last, or left; monotonic, ms. */
  heardAt: number;
}

/** Neither here nor on its way. */
export function isGone({ isHere, coming }: Attendance): boolean {
  return !isHere && coming === 0;
}

/** A session that has viewers at this node. */
export interface KeptSession {
  id: string;
  readonly watching: Watching;
  readonly attendances: Set<Attendance>;
  /** When the store last said that it goes on; monotonic, ms. */
  renewedAt: number;
  /** When it is to be renewed without anybody asking; monotonic, ms. */
  dueAt: number;
  over?: SessionOver;
  /** The store is being asked. */
  asking?: Promise<void>;
}

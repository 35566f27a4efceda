import type { SweepSnapshot } from '@streampool/state';

export interface ReapPolicy {
  /** Id of the worker of this very process. */
  readonly self?: string;
}

/** One thing the reaper does. Each names what it was planned for, so that it does nothing to what has come back since. */
export type Action =
  /** An ownership whose lease ran out, of a stream that nobody watches. */
  | {
      readonly type: 'release_stream';
      readonly streamId: string;
      readonly owner: string;
      readonly epoch: number;
    }
  /** The same of a stream that viewers at other nodes still watch: somebody else shall own it. */
  | {
      readonly type: 'reown_stream';
      readonly streamId: string;
      readonly owner: string;
      readonly epoch: number;
    }
  | {
      readonly type: 'remove_clients';
      readonly clients: readonly { readonly streamId: string; readonly clientId: string }[];
    }
  | { readonly type: 'remove_worker'; readonly workerId: string; readonly host: string };

/** How many viewers one step removes: a step holds up everybody else who writes to the state. */
export const CLIENTS_PER_ACTION = 1_000;

/**
 * What is to be done about a snapshot, in order: streams that somebody watches first, since a picture may be standing
 * still; the workers last, so that a reaper that dies half-way leaves the next one something to find them by.
 * Pure: no clock, no store.
 */
export function plan(snapshot: SweepSnapshot, policy: ReapPolicy = {}): Action[] {
  const { self } = policy;
  // If we look dead ourselves, it was this process that stood still (a suspended machine): our next beat puts that right.
  const iLookDead = snapshot.deadWorkers.some(({ id }) => id === self);
  const spared = (owner: string): boolean => iLookDead && owner === self;

  const reown: Action[] = [];
  const release: Action[] = [];
  for (const { streamId, owner, epoch, viewers } of snapshot.orphans) {
    if (spared(owner)) continue;
    if (viewers > 0) reown.push({ type: 'reown_stream', streamId, owner, epoch });
    else release.push({ type: 'release_stream', streamId, owner, epoch });
  }
  const clients = snapshot.expiredClients
    .filter(({ node }) => !spared(node))
    .map(({ streamId, clientId }) => ({ streamId, clientId }));
  const removeClients: Action[] = [];
  for (let i = 0; i < clients.length; i += CLIENTS_PER_ACTION) {
    removeClients.push({ type: 'remove_clients', clients: clients.slice(i, i + CLIENTS_PER_ACTION) });
  }
  const removeWorkers = snapshot.deadWorkers
    .filter(({ id }) => id !== self)
    .map(({ id, host }): Action => ({ type: 'remove_worker', workerId: id, host }));
  return [...reown, ...release, ...removeClients, ...removeWorkers];
}

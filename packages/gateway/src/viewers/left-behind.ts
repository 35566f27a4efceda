import type { ClientRecord, ClusterState } from '@streampool/state';
import { type Clock, systemClock } from '@streampool/streaming';
import type { Peers } from '../options.ts';
import type { PresentViewers } from './present-viewers.ts';

export interface LeftBehindOptions {
  readonly state: Pick<ClusterState, 'clientsOf'>;
  readonly peers: Pick<Peers, 'disconnect'>;
  readonly nodeId: string;
  readonly present: Pick<PresentViewers, 'since'>;
  readonly clock?: Clock;
}

/** A player that came here under an id of its own. */
export interface Arrival {
  readonly clientId: string;
  readonly streamId: string;
  /** When it asked, by this host's wall clock; ms. */
  readonly askedAtMs: number;
}

/**
 * When the records are looked at, ms after a viewer was let in: nodes tell of who comes with their next beat, which is a
 * tenth of a second away, or more while they are busy.
 */
export const LOOKS_MS = [500, 2_000] as const;

/**
 * Ends what a player has left open at another node so soon after it came there that no record told of it when it came here.
 * Only viewers that had their picture before it asked here: of two that began at once nobody can say which one is watched.
 */
export class LeftBehind {
  readonly #options: LeftBehindOptions;
  readonly #clock: Clock;
  /** By client: whoever comes again is looked for again. */
  readonly #looks = new Map<string, () => void>();

  constructor(options: LeftBehindOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** To be called when the viewer has its answer. */
  came(arrival: Arrival): void {
    this.#lookLater(arrival, LOOKS_MS);
  }

  /** Idempotent. */
  close(): void {
    for (const cancel of this.#looks.values()) cancel();
    this.#looks.clear();
  }

  #lookLater(arrival: Arrival, [first, ...later]: readonly number[]): void {
    const { clientId } = arrival;
    this.#looks.get(clientId)?.();
    if (first === undefined) return;
    const cancel = this.#clock.after(first, () => {
      this.#looks.delete(clientId);
      void this.#look(arrival).then((hasSeen) => {
        if (!hasSeen && !this.#looks.has(clientId)) this.#lookLater(arrival, later);
      });
    });
    this.#looks.set(clientId, cancel);
  }

  /** False: the records cannot tell yet. Never rejects. */
  async #look({ clientId, streamId, askedAtMs }: Arrival): Promise<boolean> {
    const { state, peers, nodeId, present } = this.#options;
    const records = await state.clientsOf(clientId).catch((): ClientRecord[] => []);
    const cameAtMs = present.since(clientId);
    // It has left, or was ended: by a node that it went on to, maybe.
    if (cameAtMs === undefined) return true;
    const own = records.find((record) => record.node === nodeId && record.streamId === streamId);
    if (!own) return false;
    // Its own record has one moment by both clocks, this host's and the store's, which all records go by.
    const askedAt = own.connectedAtMs - Math.max(0, cameAtMs - askedAtMs);
    const older = records.filter(
      // One without a socket goes by itself when it asks no more.
      ({ node, connectedAtMs, segments }) =>
        node !== nodeId && segments === undefined && connectedAtMs < askedAt,
    );
    await Promise.all(
      older.map(({ node, streamId }) => peers.disconnect(node, clientId, streamId, { hasMoved: true })),
    ).catch(() => {});
    return true;
  }
}

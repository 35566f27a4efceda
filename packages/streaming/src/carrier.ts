import type {
  DetachReason,
  Dismissal,
  EngineEvents,
  FailoverResult,
  PoolSnapshot,
  ViewerIdentity,
  ViewerSnapshot,
} from './engine-api.ts';
import type { RemotePlacement } from './relay/ownership.ts';

/** Tells listeners of the engine what happened at a carrier, as if it had happened at a pool. */
export type EmitEngineEvent = <K extends keyof EngineEvents>(event: K, ...args: EngineEvents[K]) => void;

/**
 * What brings streams to viewers without sockets of their own: they ask again and again (HLS). The engine speaks for its
 * pools and its carriers alike, so that records, limits, drains and orders to end something know no difference.
 */
export interface StreamCarrier {
  /**
   * What it has of each stream: one that it plays by itself; or, `relayed` and `isCarriedOnly`, one whose viewers are here while a
   * pool of this engine or another node plays it. `relays`: other nodes that have it from here.
   */
  pools(streamId?: string): PoolSnapshot[];
  viewers(streamId?: string): ViewerSnapshot[];
  /** Who waits for the first answer: no viewers yet, but somebody who wants the stream. */
  waiting?(streamId: string): ViewerIdentity[];
  /** Ends the viewer of that id, as `StreamEngineApi.disconnect`. False if it is not here. */
  disconnect(clientId: string, how?: Dismissal): boolean;
  /** Ends what plays a stream, and its viewers; with how many it had. */
  stop(streamId: string, reason: DetachReason): Promise<number>;
  /** Undefined where it plays nothing of the stream by itself. @throws StreampoolError as `StreamEngineApi.failover` does */
  failover(streamId: string, index?: number): Promise<FailoverResult | undefined>;
  /** The stream is owned under this epoch now. Idempotent. */
  follow(streamId: string, epoch: number): void;
  /**
   * Another node is, or is to become, the owner of the stream: the pools of this engine have been handed over by now.
   * @throws StreampoolError why it did not work
   */
  handOver(streamId: string, place: RemotePlacement): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** One snapshot per stream and pool: what carriers have of a stream that a pool of this engine plays is added to that pool. */
export function withCarried(
  pools: readonly PoolSnapshot[],
  carried: readonly PoolSnapshot[],
): PoolSnapshot[] {
  const all = [...pools];
  for (const snapshot of carried) {
    const index = all.findIndex(
      ({ streamId, state }) => streamId === snapshot.streamId && state !== 'stopped' && state !== 'failed',
    );
    const pool = all[index];
    if (!pool) {
      all.push(snapshot);
      continue;
    }
    const relays = (pool.relays ?? 0) + (snapshot.relays ?? 0);
    all[index] = {
      ...pool,
      viewers: pool.viewers + snapshot.viewers,
      bytesOut: pool.bytesOut + snapshot.bytesOut,
      ...(snapshot.carried && { carried: snapshot.carried }),
      ...(snapshot.segmentsOut !== undefined && {
        segmentsOut: (pool.segmentsOut ?? 0) + snapshot.segmentsOut,
      }),
      lastAccess: Math.max(pool.lastAccess, snapshot.lastAccess),
      ...(relays > 0 && { relays }),
    };
  }
  return all;
}

import { StreampoolError } from '@streampool/errors';
import type { ClusterState } from '@streampool/state';
import type { Deposed, Ownership, Placement } from '@streampool/streaming';
import { livingWorkers, noPlace, place } from './placement.ts';

export interface RemoteOwnershipOptions {
  readonly state: Pick<ClusterState, 'getStream' | 'listWorkers'>;
  /** Of the store. */
  readonly leaseMs: number;
  /** Never chosen: this node itself, which is a worker and takes over what has nowhere else to go. */
  readonly self?: string;
}

/**
 * Ownership as a node sees it that does not own the stream: a gateway, or a worker that is drained or full. It finds the owner,
 * or chooses the worker that shall become it, which claims when it is asked for the stream.
 */
export class RemoteOwnership implements Ownership {
  readonly #options: RemoteOwnershipOptions;
  /** Workers that were seen to die, with their last heartbeat then: a newer one clears them. */
  readonly #suspects = new Map<string, number>();

  constructor(options: RemoteOwnershipOptions) {
    this.#options = options;
  }

  async acquire(streamId: string, { deposes }: { deposes?: Deposed }): Promise<Placement> {
    const { state, leaseMs, self } = this.#options;
    const [record, listed] = await Promise.all([state.getStream(streamId), state.listWorkers()]);
    if (!record) throw new StreampoolError('STREAM_NOT_FOUND', 'There is no such stream');
    const workers = listed.filter(({ id }) => id !== self);
    if (deposes) {
      const seen = workers.find(({ id }) => id === deposes.owner);
      if (seen) this.#suspects.set(seen.id, seen.heartbeatMs);
    }
    const { epoch } = record;
    const isDeposed = deposes?.epoch === epoch;
    const owner = isDeposed
      ? undefined
      : livingWorkers(workers, leaseMs).find(({ id }) => id === record.owner);
    const chosen =
      owner ??
      place(workers, {
        streamId,
        needsEncoder: record.kind === 'transcode',
        leaseMs,
        isTakeover: isDeposed && self === undefined,
        isSuspect: ({ id, heartbeatMs }) => this.#suspects.get(id) === heartbeatMs,
      });
    if (!chosen) throw noPlace(workers, leaseMs);
    return {
      here: false,
      url: chosen.url,
      owner: chosen.id,
      epoch,
      ...(isDeposed && { deposes: epoch }),
    };
  }
}

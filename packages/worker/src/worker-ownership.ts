import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterState } from '@streampool/state';
import type { Deposed, Ownership, Placement } from '@streampool/streaming';
import { RemoteOwnership } from './remote-ownership.ts';
import type { Worker } from './worker.ts';

export interface WorkerOwnershipOptions {
  readonly worker: Pick<
    Worker,
    'id' | 'acquire' | 'takeRoom' | 'limits' | 'epochOf' | 'status' | 'isContested' | 'noteContested'
  >;
  readonly state: Pick<ClusterState, 'getStream' | 'listWorkers'>;
  /** Of the store. */
  readonly leaseMs: number;
}

/** Ownership as a worker sees it: it claims what its viewers want and it has room for, and relays the rest. */
export class WorkerOwnership implements Ownership {
  readonly #options: WorkerOwnershipOptions;
  readonly #others: RemoteOwnership;

  constructor(options: WorkerOwnershipOptions) {
    this.#options = options;
    this.#others = new RemoteOwnership({ ...options, self: options.worker.id });
  }

  async acquire(streamId: string, options: { deposes?: Deposed }): Promise<Placement> {
    const { worker } = this.#options;
    const owned = worker.epochOf(streamId);
    // Whoever has taken it since says so in the reply to the next beat: nobody waits for the state to start FFmpeg again.
    if (owned !== undefined && !options.deposes) return { here: true, epoch: owned };
    if (worker.status === 'draining' && owned === undefined) {
      const elsewhere = await this.#others.acquire(streamId, options).catch(() => undefined);
      if (elsewhere) return elsewhere;
    }
    const giveBack = owned === undefined ? await this.#takeRoom(streamId) : () => {};
    // What is cut off from its owner, and has viewers here, is played here whatever the limits are.
    if (!giveBack && !worker.isContested(streamId)) {
      const elsewhere = await this.#elsewhere(streamId, options);
      if (elsewhere) return elsewhere;
    }
    try {
      return await this.#claim(streamId, options);
    } finally {
      giveBack?.();
    }
  }

  async #takeRoom(streamId: string): Promise<(() => void) | undefined> {
    const { worker, state } = this.#options;
    const { maxEncoders } = worker.limits;
    const record = maxEncoders > 0 ? await state.getStream(streamId).catch(() => undefined) : undefined;
    return worker.takeRoom(streamId, { needsEncoder: record?.kind === 'transcode' });
  }

  /**
   * Undefined where it is this worker's all the same: the store says so, or is away, and then limits nothing; or it has viewers
   * whose owner has died, and there is no room for it anywhere. Limits turn viewers away; they stop nobody's picture.
   * @throws StreampoolError CAPACITY_EXHAUSTED, STREAM_NOT_FOUND
   */
  async #elsewhere(streamId: string, options: { deposes?: Deposed }): Promise<Placement | undefined> {
    const { worker, state } = this.#options;
    try {
      if (!options.deposes && (await state.getStream(streamId))?.owner === worker.id) return undefined;
      return await this.#others.acquire(streamId, options);
    } catch (error) {
      if (isStreampoolError(error, 'STATE_UNAVAILABLE')) return undefined;
      if (options.deposes && isStreampoolError(error, 'CAPACITY_EXHAUSTED')) return undefined;
      throw error;
    }
  }

  async #claim(streamId: string, { deposes }: { deposes?: Deposed }): Promise<Placement> {
    const { worker, state } = this.#options;
    const isContested = worker.isContested(streamId);
    const claim = await worker.acquire(streamId, deposes && !isContested ? { deposes: deposes.epoch } : {});
    // The state is away: it is played here, and the nodes agree when the state is back.
    if (!claim) return { here: true, epoch: 0 };
    if (claim.granted) return { here: true, epoch: claim.epoch };
    // The owner lives as the store sees it, and cannot be reached from here: an island until it can.
    if (isContested && deposes?.epoch === claim.epoch) {
      worker.noteContested(streamId);
      return { here: true, epoch: 0 };
    }
    const owner = (await state.listWorkers()).find(({ id }) => id === claim.owner);
    if (!owner) throw new StreampoolError('STATE_UNAVAILABLE', 'the owner of the stream has no address');
    return { here: false, url: owner.url, owner: owner.id, epoch: claim.epoch };
  }
}

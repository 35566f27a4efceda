import type { ClusterState, StreamDefinition } from '@streampool/state';
import type { Logger } from 'pino';

/** The label by which streams of networks are found. */
export const NETWORK_LABEL = { field: 'broadcast', value: 'true' } as const;

/** Nobody waits any more to be told of a programme that was over so long ago. */
const LATE_MS = 3_600_000;

export interface NetworkKeeperOptions {
  readonly state: Pick<ClusterState, 'findByMetadata' | 'getDefinition' | 'listWorkers'>;
  /** Whether this process plays it already. */
  readonly has: (streamId: string) => boolean;
  /** Sees that it is played, here or at its owner; here, where its owner does not answer. */
  readonly play: (definition: StreamDefinition, signal: AbortSignal) => Promise<unknown>;
  readonly log: Logger;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/**
 * A network goes on whether or not somebody watches, so that nobody notices when its owner dies: what has a programme and no
 * living owner is claimed by whoever looks first. Owners are asked, since the state knows of a death only when a lease is over:
 * a recording would lack that long.
 */
export class NetworkKeeper {
  readonly #options: NetworkKeeperOptions;

  constructor(options: NetworkKeeperOptions) {
    this.#options = options;
  }

  /** One look. @throws StreampoolError STATE_UNAVAILABLE */
  async run(signal: AbortSignal): Promise<void> {
    const { state, log, play, has } = this.#options;
    const networks = await state.findByMetadata(NETWORK_LABEL.field, NETWORK_LABEL.value);
    if (networks.length === 0) return;
    const alive = new Set(
      (await state.listWorkers()).flatMap(({ id, alive: lives }) => (lives === false ? [] : [id])),
    );
    const answering = new Set<string>();
    for (const network of networks.filter(({ id }) => !has(id))) {
      const isLost = network.owner === '' || !alive.has(network.owner);
      if (!isLost && answering.has(network.owner)) continue;
      const definition = await state.getDefinition(network.id);
      if (signal.aborted) return;
      if (!definition || !this.#isOn(definition)) continue;
      const { id: streamId, owner } = network;
      if (isLost)
        log.info({ streamId, network: definition.programme?.network }, 'a network without an owner');
      await play(definition, signal).catch((error: unknown) =>
        log.warn({ err: error, streamId }, 'a network cannot be played'),
      );
      // One network per owner is asked for: where its owner is seen to be dead it is played here now, as are the others then.
      if (!has(streamId)) answering.add(owner);
    }
  }

  #isOn({ programme }: StreamDefinition): boolean {
    if (!programme || programme.stoppedAtMs !== undefined) return false;
    const nowMs = (this.#options.now ?? Date.now)();
    const { startedAtMs, durationMs } = programme;
    // Where its owner died in its last moments, its end has yet to be told.
    return durationMs === undefined || nowMs < startedAtMs + durationMs + LATE_MS;
  }
}

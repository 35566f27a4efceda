import type { ClusterState, StreamDefinition, StreamRecord } from '@streampool/state';
import type { Logger } from 'pino';

/** The label by which streams of networks are found. */
export const NETWORK_LABEL = { field: 'broadcast', value: 'true' } as const;

/** Nobody waits any more to be told of a programme that was over so long ago. */
const LATE_MS = 3_600_000;

export interface NetworkKeeperOptions {
  readonly state: Pick<ClusterState, 'findByMetadata' | 'getDefinition' | 'listWorkers'>;
  /** Whether this process plays it already. */
  readonly has: (streamId: string) => boolean;
  /** Sees that it is played, here or at its owner. */
  readonly play: (definition: StreamDefinition, signal: AbortSignal) => Promise<unknown>;
  readonly log: Logger;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/**
 * A network goes on whether or not somebody watches, so that nobody notices when its owner dies: what has a programme and no
 * living owner is claimed by whoever looks first.
 */
export class NetworkKeeper {
  readonly #options: NetworkKeeperOptions;

  constructor(options: NetworkKeeperOptions) {
    this.#options = options;
  }

  /** One look. @throws StreampoolError STATE_UNAVAILABLE */
  async run(signal: AbortSignal): Promise<void> {
    const { state, log, play } = this.#options;
    const networks = await state.findByMetadata(NETWORK_LABEL.field, NETWORK_LABEL.value);
    if (networks.length === 0) return;
    const alive = new Set(
      (await state.listWorkers()).flatMap(({ id, alive: lives }) => (lives === false ? [] : [id])),
    );
    for (const network of networks.filter((record) => this.#isLost(record, alive))) {
      const definition = await state.getDefinition(network.id);
      if (signal.aborted) return;
      if (!definition || !this.#isOn(definition)) continue;
      log.info(
        { streamId: network.id, network: definition.programme?.network },
        'a network without an owner',
      );
      await play(definition, signal).catch((error: unknown) =>
        log.warn({ err: error, streamId: network.id }, 'a network cannot be played'),
      );
    }
  }

  #isLost({ id, owner }: StreamRecord, alive: ReadonlySet<string>): boolean {
    return !this.#options.has(id) && (owner === '' || !alive.has(owner));
  }

  #isOn({ programme }: StreamDefinition): boolean {
    if (!programme || programme.stoppedAtMs !== undefined) return false;
    const nowMs = (this.#options.now ?? Date.now)();
    const { startedAtMs, durationMs } = programme;
    // Where its owner died in its last moments, its end has yet to be told.
    return durationMs === undefined || nowMs < startedAtMs + durationMs + LATE_MS;
  }
}

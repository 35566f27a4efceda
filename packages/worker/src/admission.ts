import type { ClusterState, StreamDefinition, WorkerRecord } from '@streampool/state';
import { hasRoom, livingWorkers, noPlace, readyWorkers } from './placement.ts';

export interface AdmissionOptions {
  readonly state: Pick<ClusterState, 'getStream' | 'listWorkers'>;
  /** Of the store. */
  readonly leaseMs: number;
  /** Whether the stream runs at this node already; asked for every viewer. */
  readonly plays: (streamId: string) => boolean;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** How long what was read of the workers is good enough for the next viewer: they come in crowds; ms. */
const VALID_MS = 500;

/**
 * Turns a viewer away at once whose stream would have to start while every worker is at its limit; to wait for a picture
 * that cannot come helps nobody. Anything less certain is let in: a worker may be about to be ready, and a state that is away
 * limits nothing.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #now: () => number;
  #workers: { readonly atMs: number; readonly value: Promise<readonly WorkerRecord[]> } | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws StreampoolError CAPACITY_EXHAUSTED */
  async check({ id, kind }: Pick<StreamDefinition, 'id' | 'kind'>): Promise<void> {
    // Every viewer of a direct stream has a connection of its own, wherever it is.
    const { state, leaseMs, plays } = this.#options;
    if (kind === 'direct' || plays(id)) return;
    const workers = await this.#listed();
    const ready = readyWorkers(workers, leaseMs);
    if (ready.length === 0 || ready.some((worker) => hasRoom(worker, { needsEncoder: kind === 'transcode' })))
      return;
    const owner = (await state.getStream(id).catch(() => undefined))?.owner;
    if (livingWorkers(workers, leaseMs).some((worker) => worker.id === owner)) return;
    throw noPlace(workers, leaseMs);
  }

  #listed(): Promise<readonly WorkerRecord[]> {
    if (!this.#workers || this.#now() - this.#workers.atMs > VALID_MS) {
      const value = this.#options.state.listWorkers().catch(() => []);
      this.#workers = { atMs: this.#now(), value };
    }
    return this.#workers.value;
  }
}

import { StreampoolError } from '@streampool/errors';
import type { ClusterState, WorkerRecord } from '@streampool/state';
import { livingWorkers, noPlace, place } from './placement.ts';

export interface ViewerPlacementOptions {
  readonly state: Pick<ClusterState, 'getStream' | 'listWorkers'>;
  /** Of the store. */
  readonly leaseMs: number;
  /** Whether a worker answers now; must have a deadline, and never rejects. */
  readonly answers: (worker: WorkerRecord) => Promise<boolean>;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** How long what was read of the workers, or found out about one, is good enough for the next viewer: they come in crowds; ms. */
const VALID_MS = 500;

interface Seen<T> {
  readonly atMs: number;
  readonly value: Promise<T>;
}

/**
 * Which worker a viewer is sent to: the stream's owner, where it takes viewers, else the one that would become its owner.
 * Everybody who asks with the same records gives the same answer. A worker that was killed is in the records until its
 * lease has run out, so whoever is chosen must answer first.
 */
export class ViewerPlacement {
  readonly #options: ViewerPlacementOptions;
  readonly #now: () => number;
  #workers: Seen<WorkerRecord[]> | undefined;
  readonly #answered = new Map<string, Seen<boolean>>();
  /** Workers that did not answer, with their last heartbeat then: a newer one clears them. */
  readonly #suspects = new Map<string, number>();

  constructor(options: ViewerPlacementOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Its URL for players, without a / at the end. @throws StreampoolError STREAM_NOT_FOUND, CAPACITY_EXHAUSTED, STATE_UNAVAILABLE */
  async target(streamId: string): Promise<string> {
    const { state, leaseMs } = this.#options;
    const [record, workers] = await Promise.all([state.getStream(streamId), this.#listed()]);
    if (!record) throw new StreampoolError('STREAM_NOT_FOUND', 'There is no such stream');
    const isSuspect = ({ id, heartbeatMs }: WorkerRecord): boolean => this.#suspects.get(id) === heartbeatMs;
    const owner = livingWorkers(workers, leaseMs).find(
      ({ id, status }) => id === record.owner && status === 'ready',
    );
    const needsEncoder = record.kind === 'transcode';
    // Every round rules a worker out, or ends.
    for (;;) {
      const chosen =
        owner && !isSuspect(owner) ? owner : place(workers, { streamId, needsEncoder, leaseMs, isSuspect });
      if (!chosen || isSuspect(chosen)) {
        throw noPlace(
          workers.filter((worker) => !isSuspect(worker)),
          leaseMs,
        );
      }
      if (await this.#answers(chosen)) return chosen.publicUrl ?? chosen.url;
      this.#suspects.set(chosen.id, chosen.heartbeatMs);
    }
  }

  async #listed(): Promise<WorkerRecord[]> {
    if (!this.#workers || this.#now() - this.#workers.atMs > VALID_MS) {
      const value = this.#options.state.listWorkers();
      const seen = { atMs: this.#now(), value };
      this.#workers = seen;
      value.then(
        (workers) => this.#forgetAllBut(workers),
        () => {
          if (this.#workers === seen) this.#workers = undefined;
        },
      );
    }
    return this.#workers.value;
  }

  #answers(worker: WorkerRecord): Promise<boolean> {
    const known = this.#answered.get(worker.id);
    if (known && this.#now() - known.atMs <= VALID_MS) return known.value;
    const value = this.#options.answers(worker);
    this.#answered.set(worker.id, { atMs: this.#now(), value });
    return value;
  }

  #forgetAllBut(workers: readonly WorkerRecord[]): void {
    const ids = new Set(workers.map(({ id }) => id));
    for (const id of [...this.#suspects.keys()]) if (!ids.has(id)) this.#suspects.delete(id);
    for (const id of [...this.#answered.keys()]) if (!ids.has(id)) this.#answered.delete(id);
  }
}

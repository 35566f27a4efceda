import { createHash } from 'node:crypto';
import type { WorkerRecord } from '@streampool/state';

export interface PlacementQuery {
  readonly streamId: string;
  /** Of the store: silent for longer, a worker is dead; ms. */
  readonly leaseMs: number;
  /** Workers that were seen to die. */
  readonly isSuspect: (worker: WorkerRecord) => boolean;
}

/**
 * The worker that shall play a stream nobody plays: of those that are ready and have room the one that owns the fewest; of
 * equals the one that the stream's id chooses. Everybody who asks with the same records gets the same answer, so that
 * first viewers at several gateways meet. Undefined where there is none.
 */
export function place(workers: readonly WorkerRecord[], query: PlacementQuery): WorkerRecord | undefined {
  const living = livingWorkers(workers, query.leaseMs);
  const ready = living.filter(
    ({ status, capacity, ownedStreams }) => status === 'ready' && (capacity === 0 || ownedStreams < capacity),
  );
  const trusted = ready.filter((worker) => !query.isSuspect(worker));
  // Somebody who seems dead is a better answer than nobody.
  const candidates = trusted.length > 0 ? trusted : ready;
  return candidates
    .map((worker) => ({ worker, draw: drawOf(query.streamId, worker.id) }))
    .sort((a, b) => a.worker.ownedStreams - b.worker.ownedStreams || (a.draw < b.draw ? -1 : 1))[0]?.worker;
}

/** Heartbeats are the store's times; the newest of them stands for its clock, so that no host's clock is compared. */
export function livingWorkers(workers: readonly WorkerRecord[], leaseMs: number): WorkerRecord[] {
  const newest = Math.max(...workers.map(({ heartbeatMs }) => heartbeatMs));
  return workers.filter(({ role, heartbeatMs }) => role !== 'gateway' && newest - heartbeatMs < leaseMs);
}

/** Rendezvous hashing: a worker that comes or goes moves only the streams it wins or had. */
function drawOf(streamId: string, workerId: string): string {
  return createHash('sha256').update(`${streamId}\n${workerId}`).digest('hex');
}

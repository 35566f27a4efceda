import { createHash } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import type { WorkerRecord } from '@streampool/state';

export interface PlacementQuery {
  readonly streamId: string;
  /** Its source is an FFmpeg. */
  readonly needsEncoder: boolean;
  /** Of the store: silent for longer, a worker is dead; ms. */
  readonly leaseMs: number;
  /** It has viewers whose owner has died: where all are full, one of them takes it all the same. */
  readonly isTakeover?: boolean;
  /** Workers that were seen to die. */
  readonly isSuspect: (worker: WorkerRecord) => boolean;
}

/** From this load on (of the last minute, per core) a worker's streams wait for its processors. */
const BUSY_LOAD = 1;
/** By how much more than the idlest it must have, so that workers of one host do not seem different by when they looked. */
const BUSIER_BY = 0.5;
/** A worker that starts takes no longer; room comes when somebody has seen enough. */
const RETRY_WITHOUT_WORKERS_S = 2;
const RETRY_WHEN_FULL_S = 5;

/**
 * The worker that shall play a stream nobody plays: of those that are ready, have room for it and are not much busier than
 * others the one that owns the fewest; of equals the one that the stream's id chooses. Everybody who asks with the same
 * records gets the same answer, so that first viewers at several gateways meet. Undefined where there is none.
 */
export function place(workers: readonly WorkerRecord[], query: PlacementQuery): WorkerRecord | undefined {
  const ready = readyWorkers(workers, query.leaseMs);
  const withRoom = ready.filter((worker) => hasRoom(worker, query));
  const fitting = withRoom.length === 0 && query.isTakeover ? ready : withRoom;
  const trusted = fitting.filter((worker) => !query.isSuspect(worker));
  // Somebody who seems dead is a better answer than nobody.
  const candidates = withoutBusy(trusted.length > 0 ? trusted : fitting);
  return candidates
    .map((worker) => ({ worker, draw: drawOf(query.streamId, worker.id) }))
    .sort((a, b) => a.worker.ownedStreams - b.worker.ownedStreams || (a.draw < b.draw ? -1 : 1))[0]?.worker;
}

/** Heartbeats are the store's times; the newest of them stands for its clock, so that no host's clock is compared. */
export function livingWorkers(workers: readonly WorkerRecord[], leaseMs: number): WorkerRecord[] {
  const newest = Math.max(...workers.map(({ heartbeatMs }) => heartbeatMs));
  return workers.filter(({ role, heartbeatMs }) => role !== 'gateway' && newest - heartbeatMs < leaseMs);
}

export function readyWorkers(workers: readonly WorkerRecord[], leaseMs: number): WorkerRecord[] {
  return livingWorkers(workers, leaseMs).filter(({ status }) => status === 'ready');
}

/** By what it said last, whether one more stream is within the worker's limits. */
export function hasRoom(
  { capacity, ownedStreams, maxEncoders = 0, encoders = 0 }: WorkerRecord,
  { needsEncoder }: Pick<PlacementQuery, 'needsEncoder'>,
): boolean {
  if (capacity > 0 && ownedStreams >= capacity) return false;
  return !needsEncoder || maxEncoders === 0 || encoders < maxEncoders;
}

/** Why a stream has no place among these workers. */
export function noPlace(workers: readonly WorkerRecord[], leaseMs: number): StreampoolError {
  const isFull = readyWorkers(workers, leaseMs).length > 0;
  return new StreampoolError(
    'CAPACITY_EXHAUSTED',
    isFull
      ? 'Every worker plays as much as its MAX_STREAMS and MAX_ENCODERS allow'
      : 'No worker is ready to play the stream',
    { retryAfterSeconds: isFull ? RETRY_WHEN_FULL_S : RETRY_WITHOUT_WORKERS_S },
  );
}

function withoutBusy(workers: readonly WorkerRecord[]): WorkerRecord[] {
  const most = Math.max(BUSY_LOAD, Math.min(...workers.map(({ load }) => load)) + BUSIER_BY);
  return workers.filter(({ load }) => load < most);
}

/** Rendezvous hashing: a worker that comes or goes moves only the streams it wins or had. */
function drawOf(streamId: string, workerId: string): string {
  return createHash('sha256').update(`${streamId}\n${workerId}`).digest('hex');
}

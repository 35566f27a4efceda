import { StreampoolError } from '@streampool/errors';

/** What every implementation answers when it refuses a step. */

export function streamNotFound(streamId: string): StreampoolError {
  return new StreampoolError('STREAM_NOT_FOUND', `there is no stream ${streamId}`, { info: { streamId } });
}

/** `owner` is empty where nobody owns the stream now. */
export function staleEpoch(streamId: string, owner: string, epoch: number): StreampoolError {
  const now = owner === '' ? 'nobody owns it now' : `${owner} owns it now`;
  return new StreampoolError('STALE_EPOCH', `stream ${streamId} is at epoch ${epoch}, and ${now}`, {
    info: { streamId, owner, epoch },
  });
}

export function workerIdTaken(workerId: string, by: { host: string; pid: number }): StreampoolError {
  return new StreampoolError(
    'WORKER_ID_TAKEN',
    `process ${by.pid} on ${by.host} has taken the worker id ${workerId}: every process needs a WORKER_ID of its own`,
    { info: { workerId, host: by.host, pid: by.pid } },
  );
}

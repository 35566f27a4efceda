import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { staleEpoch, streamNotFound, workerIdTaken } from '../refusals.ts';

/** How a script refuses: its code, a space, its particulars as JSON (`refusal` in include/ownership.lua). */
const REFUSAL = /^(STALE_EPOCH|STREAM_NOT_FOUND|WORKER_ID_TAKEN) (\{.*\})/s;

/** Replies of Redis that another moment, or another node after a failover, answers otherwise. */
const PASSING =
  /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|UNBLOCKED)\b/;
/** Replies that mean a wrong configuration; they stay until somebody mends it, but the process must not die of it. */
const NOT_LET_IN = /^(?:NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR AUTH)/;

/** The client has waited for an answer for as long as it may. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

/** The one place where what Redis or its client says becomes an error that callers know. */
export function redisError(error: unknown): StreampoolError {
  if (isStreampoolError(error)) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const refusal = REFUSAL.exec(message);
  if (refusal) return refusalError(refusal[1] as string, JSON.parse(refusal[2] as string));
  if (name === 'ReplyError' && !PASSING.test(message) && !NOT_LET_IN.test(message)) {
    return new StreampoolError('INTERNAL', `Redis refused a step: ${redactText(message)}`, { cause: error });
  }
  const reason = NOT_LET_IN.test(message) ? 'Redis does not let us in' : 'Redis cannot be reached';
  return new StreampoolError('STATE_UNAVAILABLE', `${reason}: ${redactText(message)}`, {
    cause: error,
    retryAfterSeconds: 1,
  });
}

function refusalError(code: string, info: Record<string, string | number>): StreampoolError {
  const { streamId = '', owner = '', epoch = 0, workerId = '', host = '', pid = 0 } = info;
  if (code === 'STREAM_NOT_FOUND') return streamNotFound(String(streamId));
  if (code === 'STALE_EPOCH') return staleEpoch(String(streamId), String(owner), Number(epoch));
  return workerIdTaken(String(workerId), { host: String(host), pid: Number(pid) });
}

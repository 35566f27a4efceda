import type { ErrorCode, StreampoolError } from '@streampool/errors';

/**
 * What the end of an attempt says about its source:
 * - `moved`: nothing; which node plays a stream is the cluster's affair.
 * - `cut`: the connection was lost; the source may be there under another connection or address.
 * - `process`: our own FFmpeg failed, whatever the source is like.
 * - `full`: the provider has no connection left for us; the URL is as good as before.
 * - `refused`: the source says no (404, 401, a web page): asking again soon gets the same answer.
 * - `given up`: somebody else has been through all sources already.
 * - `failed`: everything else (refused connections, silence, 5xx, pictures that are none).
 */
export type Verdict = 'moved' | 'cut' | 'process' | 'full' | 'refused' | 'given up' | 'failed';

const VERDICTS: Partial<Record<ErrorCode, Verdict>> = {
  RELAY_LOST: 'moved',
  OWNER_CHANGED: 'moved',
  UPSTREAM_CUT: 'cut',
  FFMPEG_FAILED: 'process',
  FFMPEG_STALLED: 'process',
  FFMPEG_SLOW: 'process',
  PROVIDER_LIMIT: 'full',
  CIRCUIT_OPEN: 'full',
  UPSTREAM_NOT_MEDIA: 'refused',
  UPSTREAM_REDIRECT_LOOP: 'refused',
  UPSTREAM_PROTOCOL: 'refused',
  STREAM_FAILED: 'given up',
};

/** Of the statuses that say "not so", those that mean "not now" (RFC 9110 §15.5.9, RFC 8470, RFC 6585). */
const NOT_NOW: readonly unknown[] = [408, 425, 429];

export function verdictOf(error: StreampoolError): Verdict {
  const verdict = VERDICTS[error.code];
  if (verdict) return verdict;
  if (!error.retryable) return 'refused';
  const status = error.info.upstreamStatus;
  if (error.code === 'UPSTREAM_STATUS' && typeof status === 'number' && status < 500)
    return NOT_NOW.includes(status) ? 'failed' : 'refused';
  return 'failed';
}

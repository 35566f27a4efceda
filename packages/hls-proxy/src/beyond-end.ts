import { isStreampoolError } from '@streampool/errors';
import type { HlsAnswer } from '@streampool/hls';

/** Whoever asks for bytes that do not exist is told how many do (RFC 9110 §15.5.17), through whichever nodes it asks. */
export function beyondEnd(error: unknown): HlsAnswer | undefined {
  if (!isStreampoolError(error, 'RANGE_NOT_SATISFIABLE') || error.info.length === undefined) return undefined;
  return {
    ...{ status: 416, kind: 'media', contentType: 'application/octet-stream', maxAgeMs: 0 },
    ...{ headers: { 'content-range': `bytes */${error.info.length}` }, body: Buffer.alloc(0) },
  };
}

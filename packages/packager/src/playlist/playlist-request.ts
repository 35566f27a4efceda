import { StreampoolError } from '@streampool/errors';

/** What of a media playlist is wanted. */
export interface PlaylistRequest {
  readonly lowLatency: boolean;
  /** Players shall begin with the oldest segment. */
  readonly fromStart: boolean;
  /** A delta update (rfc8216bis §6.2.5.1). */
  readonly skip: boolean;
  /** Answered when this segment, or this part of it, is there (§6.2.5.2). */
  readonly until?: { readonly mediaSequence: number; readonly part?: number };
}

/** @throws StreampoolError INVALID_REQUEST */
export function readPlaylistRequest(query: URLSearchParams, lowLatencyByDefault: boolean): PlaylistRequest {
  const ll = query.get('ll');
  const mediaSequence = wholeNumber(query, '_HLS_msn');
  const part = wholeNumber(query, '_HLS_part');
  if (part !== undefined && mediaSequence === undefined)
    throw new StreampoolError('INVALID_REQUEST', '_HLS_part needs _HLS_msn');
  return {
    lowLatency: ll === null ? lowLatencyByDefault : /^(?:1|true|yes)$/i.test(ll),
    fromStart: query.get('from') === 'start',
    skip: /^(?:YES|v2)$/.test(query.get('_HLS_skip') ?? ''),
    ...(mediaSequence !== undefined && { until: { mediaSequence, ...(part !== undefined && { part }) } }),
  };
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StreampoolError('INVALID_REQUEST', `${name} must be a whole number`);
}

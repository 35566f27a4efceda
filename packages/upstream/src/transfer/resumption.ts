import { StreampoolError } from '@streampool/errors';
import type { UpstreamResponse } from '../types.ts';
import { parseContentRange } from './content-range.ts';

type Head = Pick<UpstreamResponse, 'status' | 'headers' | 'contentLength'>;

/** Skipping what was already delivered is cheaper than failing, up to here. */
const MAX_SKIP_BYTES = 32 * 1024 * 1024;

/** What must be known of a body to go on with it on another connection. Offsets count from the resource's first byte. */
export interface ResumePoint {
  /** First byte of this response. */
  readonly first: number;
  /** Last byte of this response, inclusive. */
  readonly last: number;
  readonly total: number | undefined;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** The resume point of a response, or undefined where a broken body cannot be continued. */
export function resumePoint(response: Head): ResumePoint | undefined {
  const { status, headers, contentLength } = response;
  if (contentLength === undefined || contentLength === 0) return undefined;
  const validators = { etag: headers.etag, lastModified: headers['last-modified'] };
  if (status === 206) {
    const range = parseContentRange(headers['content-range']);
    if (!range || range.last - range.first + 1 !== contentLength) return undefined;
    return { ...range, ...validators };
  }
  if (status !== 200 || headers['accept-ranges']?.trim().toLowerCase() === 'none') return undefined;
  return { first: 0, last: contentLength - 1, total: contentLength, ...validators };
}

/** The value of If-Range: a strong ETag or a date (RFC 9110 §13.1.5), undefined where there is neither. */
export function ifRangeOf(point: ResumePoint): string | undefined {
  return point.etag !== undefined && !point.etag.startsWith('W/') ? point.etag : point.lastModified;
}

/**
 * Whether an answer continues the body at `position`.
 * @returns the bytes to skip at its start
 * @throws StreampoolError UPSTREAM_CHANGED where it is another body; UPSTREAM_STATUS, UPSTREAM_CUT where it is none
 */
export function checkContinuation(point: ResumePoint, position: number, answer: Head): number {
  const { status, headers } = answer;
  if (status === 416) throw changed('the provider no longer has these bytes');
  if (status !== 200 && status !== 206) {
    throw new StreampoolError(
      'UPSTREAM_STATUS',
      `The provider answered ${status} when the body was to go on`,
      {
        info: { upstreamStatus: status },
      },
    );
  }
  if (point.etag !== undefined && headers.etag !== undefined && point.etag !== headers.etag) {
    throw changed('it has another ETag');
  }
  const modified = headers['last-modified'];
  if (point.lastModified !== undefined && modified !== undefined && point.lastModified !== modified) {
    throw changed('it was modified');
  }
  const range = status === 206 ? parseContentRange(headers['content-range']) : undefined;
  if (status === 206) {
    if (!range) throw changed('it comes without a readable Content-Range');
    if (point.total !== undefined && range.total !== undefined && range.total !== point.total) {
      throw changed(`it has ${range.total} bytes instead of ${point.total}`);
    }
    if (range.first !== position) throw changed(`it starts at byte ${range.first} instead of ${position}`);
    return 0;
  }
  if (answer.contentLength !== point.total) throw changed('it has another length');
  if (position > MAX_SKIP_BYTES) {
    throw new StreampoolError('UPSTREAM_CUT', 'The provider broke off and cannot continue from the middle');
  }
  return position;
}

/**
 * Whether an answer of another URL continues the body at `position`: only where both say, by length and strong ETag, that
 * they are the very same file. Two URLs of one film are two encodings more often than not.
 * @throws StreampoolError UPSTREAM_CHANGED where that is not proved
 */
export function checkCopy(point: ResumePoint, position: number, answer: Head): void {
  const { status, headers } = answer;
  const range = status === 206 ? parseContentRange(headers['content-range']) : undefined;
  const isSame =
    isProvable(point) &&
    headers.etag === point.etag &&
    range?.total === point.total &&
    range?.first === position;
  if (!isSame)
    throw new StreampoolError(
      'UPSTREAM_CHANGED',
      'The other URL does not prove by length and strong ETag that it has the same file',
    );
}

/** Whether another URL could prove to have the same file. */
export function isProvable({ etag, total }: ResumePoint): boolean {
  return total !== undefined && etag !== undefined && !etag.startsWith('W/');
}

function changed(how: string): StreampoolError {
  return new StreampoolError(
    'UPSTREAM_CHANGED',
    `The provider's file changed while it was being read: ${how}`,
  );
}

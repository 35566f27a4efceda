import { StreampoolError } from '@streampool/errors';
import type { HlsBody } from '@streampool/hls';

/** A part of a body whose whole is here, or on its way. */
export interface Slice {
  readonly body: HlsBody;
  /** A Content-Range (RFC 9110 §14.4). */
  readonly contentRange: string;
}

/**
 * The bytes of a Range header, out of a body of known length. Undefined for anything but one range of bytes.
 * @throws StreampoolError RANGE_NOT_SATISFIABLE, with the `length` in its info
 */
export function sliceOf(whole: HlsBody, range: string): Slice | undefined {
  const { length } = whole;
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range.trim()) ?? [];
  if (length === undefined || (from === '' && to === '')) return undefined;
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from);
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1);
  if (first > last)
    throw new StreampoolError('RANGE_NOT_SATISFIABLE', `the body has ${length} bytes`, { info: { length } });
  return {
    contentRange: `bytes ${first}-${last}/${length}`,
    body: { length: last - first + 1, open: () => between(whole.open(), first, last + 1) },
  };
}

async function* between(chunks: AsyncIterable<Buffer>, start: number, end: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += chunk.length;
    if (part.length > 0) yield part;
    if (at >= end) return;
  }
}

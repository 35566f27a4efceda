/** One range as a player asks for it (RFC 9110 §14.1.2): from `first` to `last` (inclusive, or to the end), or the last `suffix` bytes. */
export type RequestedRange =
  | { readonly first: number; readonly last: number | undefined }
  | { readonly suffix: number };

/** A range of a body whose size is known. Both ends are inclusive. */
export interface ResolvedRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The range a viewer asks for. Undefined, which means the whole body, for what the RFC lets a server ignore:
 * no header, other units, malformed ranges, several ranges at once (no player plays multipart bodies).
 */
export function parseRange(header: string | undefined): RequestedRange | undefined {
  const [, from = '', to = ''] = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '') return { suffix: Number(to) };
  const first = Number(from);
  const last = to === '' ? undefined : Number(to);
  return last !== undefined && last < first ? undefined : { first, last };
}

export function formatRange(range: RequestedRange): string {
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.first}-${range.last ?? ''}`;
}

/** What players send with every request, and what only says "from the start". */
export function isWholeRange(range: RequestedRange): boolean {
  return 'first' in range && range.first === 0 && range.last === undefined;
}

/** The range within a body of `total` bytes, or undefined where it lies outside (416). */
export function resolveRange(range: RequestedRange, total: number): ResolvedRange | undefined {
  if ('suffix' in range) {
    if (range.suffix === 0 || total === 0) return undefined;
    return { first: Math.max(0, total - range.suffix), last: total - 1 };
  }
  if (range.first >= total) return undefined;
  return { first: range.first, last: Math.min(range.last ?? total - 1, total - 1) };
}

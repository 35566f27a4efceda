/** A Content-Range of bytes (RFC 9110 §14.4). `total` is undefined where the server does not know it (`*`). */
export interface ContentRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  readonly total: number | undefined;
}

export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const parts = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(value ?? '');
  if (!parts) return undefined;
  const [first, last] = [Number(parts[1]), Number(parts[2])];
  const total = parts[3] === '*' ? undefined : Number(parts[3]);
  if (last < first || (total !== undefined && last >= total)) return undefined;
  return { first, last, total };
}

export interface ByteSlice {
  readonly start: number;
  /** The last byte itself. */
  readonly end: number;
}

/**
 * One range of a body of so many bytes (RFC 9110 §14.1.2). `none`: the header asks for something else or several ranges, and the
 * whole is a proper answer; `unsatisfiable`: there are no such bytes.
 */
export function byteSlice(header: string, size: number): ByteSlice | 'none' | 'unsatisfiable' {
  const [, first, last] = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'none';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return 'none';
  return start >= size ? 'unsatisfiable' : { start, end };
}

import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);
/** Less is no smaller for it. */
const LEAST_BYTES = 500;

/** Playlists that are the same for everybody are compressed once. */
const known = new WeakMap<Buffer, { readonly packing: Promise<Buffer>; packed?: Buffer }>();

/** Whether a playlist of that size is to go out as a gzip body (RFC 9110 §8.4.1.3): that is accepted, and worth it. */
export function isWorthCompressing({ headers }: IncomingMessage, bytes: number): boolean {
  return bytes >= LEAST_BYTES && acceptsGzip(headers['accept-encoding']);
}

/** A playlist as a gzip body. */
export async function compressed(body: Buffer): Promise<Buffer> {
  const before = known.get(body);
  if (before) return before.packing;
  const packing = compress(body, { level: constants.Z_BEST_SPEED });
  const entry: { packing: Promise<Buffer>; packed?: Buffer } = { packing };
  known.set(body, entry);
  entry.packed = await packing;
  return entry.packed;
}

/** The same, if it was made for somebody before. */
export function compressedBefore(body: Buffer): Buffer | undefined {
  return known.get(body)?.packed;
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  if (header === undefined) return false;
  return String(header)
    .split(',')
    .some((item) => /^\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(item));
}

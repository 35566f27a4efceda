import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);
/** Less is no smaller for it. */
const LEAST_BYTES = 500;

/** Playlists that are the same for everybody are compressed once. */
const known = new WeakMap<Buffer, Promise<Buffer>>();

/** A playlist as a gzip body (RFC 9110 §8.4.1.3) where that is accepted and worth it; else undefined. */
export async function compressed(req: IncomingMessage, body: Buffer): Promise<Buffer | undefined> {
  if (body.length < LEAST_BYTES || !acceptsGzip(req.headers['accept-encoding'])) return undefined;
  const before = known.get(body);
  if (before) return before;
  const promise = compress(body, { level: constants.Z_BEST_SPEED });
  known.set(body, promise);
  return promise;
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((item) => /^\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(item));
}

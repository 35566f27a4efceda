import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsBody } from '@streampool/hls';
import { assetListWith } from './asset-list.ts';
import { type ByteSlice, byteSlice } from './byte-slice.ts';
import { playlistWith } from './carried-query.ts';
import { compressed, isWorthCompressing } from './compressed.ts';
import { slicedBody } from './sliced-body.ts';

export interface HeadOptions {
  /** The query that URIs in a playlist need for this viewer; empty: none. */
  readonly carried: string;
  /** Where players find what is answered; undefined: that is not known. */
  readonly place: () => string | undefined;
  /** Addresses are good for some viewers and for a while: no cache but the viewer's own may keep what is there. */
  readonly isSigned: boolean;
}

/**
 * Sets status and headers of an answer to a player, and returns the body to send: the answer's own, or with what is the
 * viewer's, or compressed, or the range of it that was asked for. @throws StreampoolError RANGE_NOT_SATISFIABLE
 */
export async function hlsHead(
  req: IncomingMessage,
  res: ServerResponse,
  answer: HlsAnswer,
  { carried, place, isSigned }: HeadOptions,
): Promise<Buffer | HlsBody> {
  const { status, contentType, headers = {}, kind, maxAgeMs } = answer;
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (status === 416) throw new StreampoolError('RANGE_NOT_SATISFIABLE', 'There are no such bytes');
  res.setHeader('Content-Type', contentType);
  if (kind === 'playlist') return playlistHead(req, res, answer, carried);
  if (kind === 'asset-list') return assetListHead(res, answer, { carried, place });
  const seconds = Math.floor(maxAgeMs / 1_000);
  const visibility = isSigned ? 'private' : 'public';
  res.setHeader('Cache-Control', seconds > 0 ? `${visibility}, max-age=${seconds}` : 'no-cache');
  return mediaHead(req, res, answer);
}

function assetListHead(
  res: ServerResponse,
  { body }: HlsAnswer,
  { carried, place }: Pick<HeadOptions, 'carried' | 'place'>,
): Buffer {
  if (!Buffer.isBuffer(body)) throw new TypeError('a list of assets must be whole');
  const own = assetListWith(body, carried, place());
  // It is this viewer's, and says under which name this server was asked.
  res.setHeader('Cache-Control', 'private, no-cache');
  res.setHeader('Content-Length', own.length);
  return own;
}

async function playlistHead(
  req: IncomingMessage,
  res: ServerResponse,
  { body }: HlsAnswer,
  carried: string,
): Promise<Buffer> {
  if (!Buffer.isBuffer(body)) throw new TypeError('a playlist must be whole');
  const own = carried === '' ? body : Buffer.from(playlistWith(body, carried).text);
  const gzipped = isWorthCompressing(req, own.length) ? await compressed(own) : undefined;
  // Players must ask here again: that is how they are known to be there.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('Vary', 'Accept-Encoding');
  if (gzipped) res.setHeader('Content-Encoding', 'gzip');
  res.setHeader('Content-Length', (gzipped ?? own).length);
  return gzipped ?? own;
}

function mediaHead(req: IncomingMessage, res: ServerResponse, { status, body }: HlsAnswer): Buffer | HlsBody {
  const { range } = req.headers;
  const whole = status === 200 && range !== undefined ? wholeOf(body) : undefined;
  // Of a body whose end is not known the whole is the answer (RFC 9110 §14.2 allows that).
  const size = whole?.length ?? body.length;
  const slice = status === 200 && range !== undefined && size !== undefined ? byteSlice(range, size) : 'none';
  res.setHeader('Accept-Ranges', 'bytes');
  if (size !== undefined && slice === 'unsatisfiable') {
    res.setHeader('Content-Range', `bytes */${size}`);
    throw new StreampoolError('RANGE_NOT_SATISFIABLE', 'There are no such bytes');
  }
  if (slice === 'none' || slice === 'unsatisfiable') {
    if (body.length !== undefined) res.setHeader('Content-Length', body.length);
    return body;
  }
  const part = partOf(whole ?? body, slice);
  res.statusCode = 206;
  res.setHeader('Content-Range', `bytes ${slice.start}-${slice.end}/${size}`);
  res.setHeader('Content-Length', slice.end - slice.start + 1);
  return part;
}

function wholeOf(body: Buffer | HlsBody): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : (body as HlsBody & { whole?(): Buffer | undefined }).whole?.();
}

function partOf(body: Buffer | HlsBody, slice: ByteSlice): Buffer | HlsBody {
  return Buffer.isBuffer(body) ? body.subarray(slice.start, slice.end + 1) : slicedBody(body, slice);
}

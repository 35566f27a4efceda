import type { IncomingMessage } from 'node:http';
import type { HlsAnswer } from '@streampool/hls';
import { playlistWith } from './carried-query.ts';
import { compressedBefore, isWorthCompressing } from './compressed.ts';

/** A body that can be sent at once. As a string it goes out with its head in one write. */
export interface ReadyPlaylist {
  readonly body: string | Buffer;
  readonly bytes: number;
  readonly encoding?: 'gzip';
}

/** A playlist with the query that its URIs need for one viewer (`carried`); undefined where something has to be waited for, or told beside it. */
export function readyPlaylist(
  req: IncomingMessage,
  { status, kind, headers, body }: HlsAnswer,
  carried: string,
): ReadyPlaylist | undefined {
  if (status !== 200 || kind !== 'playlist' || headers || !Buffer.isBuffer(body)) return undefined;
  const { text, bytes } = playlistWith(body, carried);
  if (!isWorthCompressing(req, bytes)) return { body: text, bytes };
  const packed = carried === '' ? compressedBefore(body) : undefined;
  return packed && { body: packed, bytes: packed.length, encoding: 'gzip' };
}

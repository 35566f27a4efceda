import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Exchange } from './exchange.ts';

export interface FileOptions {
  readonly contentType?: string;
  /** False: the server knows no ranges, and answers 200 with everything. */
  readonly ranges?: boolean;
  /** The entity tag; `false` for none. By default it follows size and time of the file. */
  readonly etag?: string | false;
  /** The pace, for each connection. Unlimited without it. */
  readonly bytesPerSecond?: number;
  readonly chunked?: boolean;
  readonly gzip?: boolean;
}

const TYPES: Record<string, string> = {
  '.ts': 'video/mp2t',
  '.m2ts': 'video/mp2t',
  '.mp4': 'video/mp4',
  '.mkv': 'video/x-matroska',
  '.m3u8': 'application/vnd.apple.mpegurl',
};
const PIECE = 64 * 1024;

/** A file on a web server: HEAD, one range, conditional range by ETag or date (RFC 9110 §13, §14). */
export async function serveFile(exchange: Exchange, path: string, options: FileOptions = {}): Promise<void> {
  const { size, mtime } = statSync(path);
  const { ranges = true, bytesPerSecond, chunked = false, gzip = false } = options;
  const etag =
    options.etag ?? `"${createHash('sha1').update(`${size}-${mtime.getTime()}`).digest('hex').slice(0, 16)}"`;
  const modified = mtime.toUTCString();
  const headers: Record<string, string> = {
    'content-type': options.contentType ?? TYPES[extname(path)] ?? 'application/octet-stream',
    'last-modified': modified,
    ...(etag === false ? {} : { etag }),
    ...(ranges ? { 'accept-ranges': 'bytes' } : {}),
  };
  const { range, 'if-range': condition } = exchange.request.headers;
  const applies =
    ranges &&
    range !== undefined &&
    (condition === undefined || condition === etag || condition === modified);
  const wanted = applies ? parseRange(range, size) : { start: 0, end: size - 1 };
  if (wanted === 'unsatisfiable')
    return exchange.reply(416, '', { ...headers, 'content-range': `bytes */${size}` });
  const { start, end } = wanted;
  if (applies) headers['content-range'] = `bytes ${start}-${end}/${size}`;
  const length = end - start + 1;
  exchange.head({
    status: applies ? 206 : 200,
    headers,
    chunked,
    gzip,
    ...(chunked ? {} : { contentLength: length }),
  });
  if (exchange.request.method === 'HEAD') return exchange.end();

  const file = await open(path);
  const began = performance.now();
  try {
    for (let at = start; at <= end && !exchange.closed; ) {
      const piece = await file.read(Buffer.alloc(Math.min(PIECE, end + 1 - at)), 0, undefined, at);
      if (piece.bytesRead === 0) break;
      at += piece.bytesRead;
      if (!exchange.write(piece.buffer.subarray(0, piece.bytesRead))) await exchange.drained();
      if (exchange.stalled) await exchange.drained();
      if (bytesPerSecond !== undefined) {
        const ahead = ((at - start) / bytesPerSecond) * 1_000 - (performance.now() - began);
        if (ahead > 0) await delay(ahead, undefined, { ref: false });
      }
    }
  } finally {
    await file.close();
  }
  exchange.end();
}

/** One range of a file of that size; several ranges, or what is no range, count as the whole. */
function parseRange(range: string, size: number): { start: number; end: number } | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range);
  if (!match || (match[1] === '' && match[2] === '')) return { start: 0, end: size - 1 };
  const [, from = '', to = ''] = match;
  if (from === '') {
    const last = Number(to);
    return last === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size - 1 };
  }
  const start = Number(from);
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start >= size || end < start ? 'unsatisfiable' : { start, end };
}

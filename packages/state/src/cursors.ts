import { invalidCursor } from './limits.ts';

/** Where a page of streams ended: keyset paging by (last access, id), newest first. */
export interface StreamCursor {
  readonly lastAccessMs: number;
  readonly id: string;
}

export function writeStreamCursor(cursor: StreamCursor): string {
  return `${cursor.lastAccessMs}:${cursor.id}`;
}

/** @throws StreampoolError INVALID_REQUEST */
export function readStreamCursor(text: string): StreamCursor {
  const parts = /^(\d{1,16}):(.+)$/.exec(text);
  if (!parts) throw invalidCursor(text);
  return { lastAccessMs: Number(parts[1]), id: parts[2] as string };
}

/** Where a page of clients ended: keyset paging by (client id, stream id). */
export interface ClientCursor {
  readonly clientId: string;
  readonly streamId: string;
}

export function writeClientCursor(cursor: ClientCursor): string {
  return `${cursor.streamId}:${cursor.clientId}`;
}

/** @throws StreampoolError INVALID_REQUEST */
export function readClientCursor(text: string): ClientCursor {
  // Stream ids are hex digits, client ids whatever a player calls itself: the first colon parts them.
  const parts = /^([^:]+):(.+)$/s.exec(text);
  if (!parts) throw invalidCursor(text);
  return { streamId: parts[1] as string, clientId: parts[2] as string };
}

import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type AddressOf, type ViewerIdentity, viewerIdentity } from '../viewers/viewer-identity.ts';

/** What ids were derived from, with the ids, of players that ask right now: they do every few seconds. */
const derived = new Map<string, string>();
const MOST_DERIVED = 20_000;

/**
 * Who asks for HLS. A player that chose no id is known by its address, its user agent, its user and the stream from one
 * request to the next. That id looks like one that was made up, which it is.
 */
export function hlsViewer(
  req: IncomingMessage,
  query: URLSearchParams,
  streamId: string,
  addressOf: AddressOf,
): ViewerIdentity {
  return viewerIdentity(req, query, addressOf, ({ ip, userAgent, username }) =>
    idOf(JSON.stringify([streamId, ip, userAgent, username ?? null])),
  );
}

function idOf(known: string): string {
  const before = derived.get(known);
  if (before !== undefined) return before;
  const id = uuidOf(hash('sha256', known));
  derived.set(known, id);
  const [oldest] = derived.keys();
  if (derived.size > MOST_DERIVED && oldest !== undefined) derived.delete(oldest);
  return id;
}

/** Of the form of RFC 9562 §5.4, as made-up ids are everywhere here. */
function uuidOf(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

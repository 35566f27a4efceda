import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type AddressOf, type ViewerIdentity, viewerIdentity } from '../viewers/viewer-identity.ts';

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
  const viewer = viewerIdentity(req, query, addressOf);
  if (viewer.chosen) return viewer;
  const { ip, userAgent, username } = viewer;
  const known = JSON.stringify([streamId, ip, userAgent, username ?? null]);
  return { ...viewer, clientId: uuidOf(hash('sha256', known)) };
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

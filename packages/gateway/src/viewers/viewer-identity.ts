import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import proxyAddr from 'proxy-addr';

/** Who is at the door, as far as a player tells. */
export interface ViewerIdentity {
  readonly clientId: string;
  /** The player chose its id, so a second connection under it is the same player. */
  readonly chosen: boolean;
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
}

/** Visible ASCII: it is sent back in a header, and shown in tables. */
const CLIENT_ID = /^[!-~]{1,128}$/;
const MAX_LABEL_CHARS = 256;

/** The address of whoever asks: the first of X-Forwarded-For as far as trusted proxies vouch for it. */
export type AddressOf = (req: IncomingMessage) => string;

/** `trusted`: addresses, CIDRs or proxy-addr's names. */
export function addressReader(trusted: readonly string[]): AddressOf {
  const isTrusted = proxyAddr.compile([...trusted]);
  return (req) =>
    plainAddress(
      req.headers['x-forwarded-for'] === undefined ? req.socket.remoteAddress : proxyAddr(req, isTrusted),
    );
}

/**
 * An IPv4 address that a dual-stack socket shows as IPv6 is shown as what it is. Some reverse proxies add the port, which is another
 * one with each connection and would make each a viewer of its own.
 */
export function plainAddress(address: string | undefined): string {
  return (address ?? '')
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1');
}

/**
 * A client id that cannot be used is replaced, not refused: a player cannot mend it, and would show an error for no reason
 * its user could understand. `idOf`: of a player that chose none.
 */
export function viewerIdentity(
  req: IncomingMessage,
  query: URLSearchParams,
  addressOf: AddressOf,
  idOf: (viewer: Omit<ViewerIdentity, 'clientId' | 'chosen'>) => string = () => randomUUID(),
): ViewerIdentity {
  const offered = query.get('client_id');
  const chosen = offered !== null && CLIENT_ID.test(offered);
  const named = req.headers['x-username'];
  const username = label(
    (typeof named === 'string' && named) || query.get('username') || query.get('user') || query.get('u'),
  );
  const viewer = {
    ip: addressOf(req),
    userAgent: label(req.headers['user-agent']) ?? 'unknown',
    ...(username !== undefined && { username }),
  };
  return { ...viewer, clientId: chosen ? offered : idOf(viewer), chosen };
}

function label(text: string | null | undefined): string | undefined {
  return text?.replace(/\p{Cc}/gu, '').slice(0, MAX_LABEL_CHARS) || undefined;
}

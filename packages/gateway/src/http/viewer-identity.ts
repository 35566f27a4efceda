import { randomUUID } from 'node:crypto';
import type { Request } from 'express';
import { firstQueryValue } from './request-context.ts';

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
export function addressOf(req: Request): string {
  return (req.ip ?? req.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/**
 * A client id that cannot be used is replaced, not refused: a player cannot mend it, and would show an error for no reason
 * its user could understand.
 */
export function viewerIdentity(req: Request): ViewerIdentity {
  const offered = firstQueryValue(req, 'client_id');
  const username = label(
    req.get('x-username') ||
      firstQueryValue(req, 'username') ||
      firstQueryValue(req, 'user') ||
      firstQueryValue(req, 'u'),
  );
  const chosen = offered !== undefined && CLIENT_ID.test(offered);
  return {
    clientId: chosen ? offered : randomUUID(),
    chosen,
    ip: addressOf(req),
    userAgent: label(req.get('user-agent')) ?? 'unknown',
    ...(username !== undefined && { username }),
  };
}

function label(text: string | undefined): string | undefined {
  return text?.replace(/\p{Cc}/gu, '').slice(0, MAX_LABEL_CHARS) || undefined;
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import type { Request } from 'express';
import { firstQueryValue } from './request-context.ts';

/**
 * The token a request carries: `X-API-Token`, else `Authorization: Bearer` (what Prometheus can send), else `?api_token=`.
 * A header wins over the query.
 */
function presentedToken(req: Request): string | undefined {
  const header = req.get('x-api-token');
  if (header) return header;
  const bearer = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '');
  return bearer?.[1] ?? (firstQueryValue(req, 'api_token') || undefined);
}

/** Equal, without telling by the time it takes how much of it is. */
export function equalInConstantTime(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Lets requests with the right token through; all of them where no token is set. @throws StreampoolError TOKEN_MISSING, TOKEN_WRONG */
export function tokenCheck(apiToken: string | undefined): (req: Request) => void {
  if (!apiToken) return () => {};
  return (req) => {
    const presented = presentedToken(req);
    if (presented === undefined) {
      throw new StreampoolError(
        'TOKEN_MISSING',
        'API token required: send it as the header X-API-Token, or as the query parameter api_token',
      );
    }
    if (!equalInConstantTime(presented, apiToken))
      throw new StreampoolError('TOKEN_WRONG', 'Invalid API token');
  };
}

import type { IncomingMessage } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import { type ApiTokens, holds, type Scope, type TokenHolder } from '../access/api-tokens.ts';

/**
 * The token a request carries: `X-API-Token`, else `Authorization: Bearer` (what Prometheus can send), else `?api_token=`.
 * A header wins over the query.
 */
export function presentedToken(req: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = req.headers['x-api-token'];
  if (typeof header === 'string' && header !== '') return header;
  const bearer = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '');
  return bearer?.[1] ?? (query.get('api_token') || undefined);
}

/**
 * Whose token the request carries, with that scope. Undefined where no token is set: everybody may.
 * @throws StreampoolError TOKEN_MISSING, TOKEN_WRONG, SCOPE_MISSING
 */
export function checkToken(
  tokens: ApiTokens,
  presented: string | undefined,
  scope: Scope,
): TokenHolder | undefined {
  if (!tokens.any) return undefined;
  if (presented === undefined) {
    throw new StreampoolError(
      'TOKEN_MISSING',
      'API token required: send it as the header X-API-Token, or as the query parameter api_token',
    );
  }
  const holder = tokens.find(presented);
  if (!holder) throw new StreampoolError('TOKEN_WRONG', 'Invalid API token');
  if (!holds(holder, scope)) {
    throw new StreampoolError(
      'SCOPE_MISSING',
      `The token '${holder.name}' may not do this: it lacks '${scope}'`,
      {
        info: { scope },
      },
    );
  }
  return holder;
}

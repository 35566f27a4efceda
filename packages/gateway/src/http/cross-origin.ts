import type { IncomingMessage, ServerResponse } from 'node:http';

const MAX_AGE_SECONDS = 86_400;

/**
 * Lets pages of other origins read the answer. True when that was all that was asked (a preflight request): it is answered.
 * Viewing is open to every page, as players in pages need it. The API is open only where a token protects it: otherwise
 * any page in the browser of somebody on the network could give orders here.
 */
export function allowOtherOrigins(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.headers.origin === undefined) return false;
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Expose-Headers', '*');
  if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false;
  res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, DELETE, OPTIONS');
  res.setHeader('Access-Control-Allow-Headers', req.headers['access-control-request-headers'] ?? '*');
  res.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
  res.statusCode = 204;
  res.end();
  return true;
}

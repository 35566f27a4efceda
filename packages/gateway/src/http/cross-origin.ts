import type { RequestHandler } from 'express';

/** Paths that players in web pages read, from whatever page they are in. */
const FOR_PLAYERS = /^\/(?:stream|hls)\//;

const MAX_AGE_SECONDS = 86_400;

/**
 * Cross-origin access. Viewing paths are open to every page, as players need. The API is open to other origins only
 * where a token protects it: otherwise any page in the browser of somebody on the network could give orders here.
 */
export function crossOrigin(options: { apiIsProtected: boolean }): RequestHandler {
  return (req, res, next) => {
    if (req.headers.origin === undefined) return next();
    if (!FOR_PLAYERS.test(req.path) && !options.apiIsProtected) return next();
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Access-Control-Expose-Headers', '*');
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return next();
    res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, DELETE, OPTIONS');
    res.setHeader('Access-Control-Allow-Headers', req.headers['access-control-request-headers'] ?? '*');
    res.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
    res.status(204).end();
  };
}

import { redactText, redactUrl } from '@streampool/redaction';
import type { RequestHandler } from 'express';
import type { Metrics } from '../metrics/metrics.ts';
import { plainAddress } from '../viewers/viewer-identity.ts';
import { contextOf } from './request-context.ts';
import { routeOf } from './route.ts';

/** A line and a measurement per request to the API. Viewers have lines of their own: see the viewer door. */
export function accessLog(metrics: Metrics): RequestHandler {
  return (req, res, next) => {
    // Several answers go over one connection.
    const sentBefore = req.socket.bytesWritten;
    res.once('finish', () => {
      const found = routeOf(res);
      const { log, startedMs, caller } = contextOf(res);
      const ms = performance.now() - startedMs;
      const labels = { method: req.method, route: found?.path ?? 'none', status: res.statusCode };
      if (!found?.endless || res.statusCode >= 400)
        metrics.observeRequest(labels, ms, Math.max(0, req.socket.bytesWritten - sentBefore));
      log[found?.quiet && res.statusCode < 500 ? 'debug' : 'info'](
        {
          method: req.method,
          path: shownPath(req.originalUrl),
          status: res.statusCode,
          ms: Math.round(ms * 10) / 10,
          ip: plainAddress(req.ip),
          ...(caller !== undefined && { token: caller }),
        },
        'request',
      );
    });
    next();
  };
}

const MAX_SHOWN_CHARS = 512;
/** Redaction knows whole URLs; a request has only the path of one. */
const STAND_IN = 'http://x';

/** The path as it was asked for, without the token, or a login in a query or in a URL within it. For reading, not for asking again. */
export function shownPath(originalUrl: string): string {
  const [path = '', query] = originalUrl.split(/\?(.*)/s, 2);
  const shownQuery = [...new URLSearchParams(query)]
    .map(([name, value]) => `${name}=${redactText(value)}`)
    .join('&');
  const shown = redactUrl(STAND_IN + path + (shownQuery && `?${shownQuery}`));
  return shown.slice(STAND_IN.length, STAND_IN.length + MAX_SHOWN_CHARS);
}

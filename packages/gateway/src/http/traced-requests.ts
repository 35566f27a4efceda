import type { IncomingMessage } from 'node:http';
import { NO_TRACER, type Tracer } from '@streampool/tracing';
import type { RequestHandler } from 'express';
import { contextOf } from './request-context.ts';
import { routeOf } from './route.ts';

/** A span per request to the API, for what is done for it. Viewers have one of their own: see the viewer door. */
export function tracedRequests(tracer: Tracer): RequestHandler {
  if (tracer === NO_TRACER) return (_req, _res, next) => next();
  return (req, res, next) => {
    const span = tracer.open('request', {
      kind: 'server',
      parent: traceparentOf(req),
      attributes: { 'http.request.method': req.method, 'request.id': contextOf(res).id },
    });
    res.once('close', () => {
      const route = routeOf(res)?.path ?? 'none';
      span.set({ 'http.route': route, 'http.response.status_code': res.statusCode });
      span.end(res.statusCode >= 500 ? { code: `${res.statusCode}` } : undefined);
    });
    span.run(next);
  };
}

/** The caller's span, if it names one. */
export function traceparentOf(req: IncomingMessage): string | undefined {
  const { traceparent } = req.headers;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';

/** What is known of a request from its first moment on. */
export interface RequestContext {
  readonly id: string;
  /** Carries the request's id. */
  readonly log: Logger;
  /** Monotonic ms. */
  readonly startedMs: number;
}

/** Ids that others may choose: long enough for any tracing system, and safe in a header and a log line. */
const SANE_ID = /^[\w.:@/+=-]{1,128}$/;

const contexts = new WeakMap<Response, RequestContext>();

/** Gives every request its context, and tells the client the id. */
export function requestContext(log: Logger): RequestHandler {
  return (req, res, next) => {
    const offered = req.get('x-request-id');
    const id = offered !== undefined && SANE_ID.test(offered) ? offered : randomUUID();
    res.setHeader('X-Request-ID', id);
    contexts.set(res, { id, log: log.child({ requestId: id }), startedMs: performance.now() });
    next();
  };
}

/** The context of a response. Every response that reaches a route has one. */
export function contextOf(res: Response): RequestContext {
  const context = contexts.get(res);
  if (!context) throw new Error('a response without a request context');
  return context;
}

/** The first value of a query parameter, as given. */
export function firstQueryValue(req: Request, name: string): string | undefined {
  const value: unknown = req.query[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : undefined;
}

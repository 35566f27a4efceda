import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Ids that others may choose: long enough for any tracing system, and safe in a header and a log line. */
const SANE_ID = /^[\w.:@/+=-]{1,128}$/;

/** What is known of a request from its first moment on. */
export class RequestContext {
  readonly id: string;
  /** Monotonic ms. */
  readonly startedMs = performance.now();
  /** The name of the token that the request came with, once it was checked. */
  caller: string | undefined;
  readonly #parent: Logger;
  #log: Logger | undefined;

  constructor(id: string, parent: Logger) {
    this.id = id;
    this.#parent = parent;
  }

  /** Carries the request's id. Made when it is first used: most requests have little to say. */
  get log(): Logger {
    this.#log ??= this.#parent.child({ requestId: this.id });
    return this.#log;
  }
}

const contexts = new WeakMap<ServerResponse, RequestContext>();

/** The client's own, if it can be used. */
export function requestId({ headers }: IncomingMessage): string {
  const offered = headers['x-request-id'];
  return typeof offered === 'string' && SANE_ID.test(offered) ? offered : randomUUID();
}

/** Gives a request its context, and tells the client the id. */
export function beginRequest(req: IncomingMessage, res: ServerResponse, log: Logger): RequestContext {
  const id = requestId(req);
  res.setHeader('X-Request-ID', id);
  const context = new RequestContext(id, log);
  contexts.set(res, context);
  return context;
}

/** The context of a response that was begun. */
export function contextOf(res: ServerResponse): RequestContext {
  const context = contexts.get(res);
  if (!context) throw new Error('a response without a request context');
  return context;
}

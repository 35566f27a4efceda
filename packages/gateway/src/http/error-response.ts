import type { ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import type { ErrorRequestHandler } from 'express';
import { contextOf } from './request-context.ts';
import { type Problem, RequestProblem } from './request-problem.ts';

/** The body of every answer that is not a success. */
export interface ErrorBody {
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  /** Particulars for machines, such as the variable of a template that is unknown. */
  readonly info?: Readonly<Record<string, string | number | boolean>>;
  /** What is wrong with the request, one by one. */
  readonly errors?: readonly Problem[];
}

export function errorBody(error: StreampoolError, requestId: string): ErrorBody {
  return {
    code: error.code,
    detail: redactText(error.message),
    request_id: requestId,
    ...(Object.keys(error.info).length > 0 && { info: redactedInfo(error.info) }),
    ...(error instanceof RequestProblem && { errors: error.problems }),
  };
}

function redactedInfo(info: StreampoolError['info']): StreampoolError['info'] {
  return Object.fromEntries(
    Object.entries(info).map(([name, value]) => [
      name,
      typeof value === 'string' ? redactText(value) : value,
    ]),
  );
}

/** What Express' own parsers throw: http-errors with a status and a type. */
interface HttpError {
  readonly status: number;
  readonly type?: string;
}

function isHttpError(error: unknown): error is HttpError {
  return error instanceof Error && 'status' in error && typeof error.status === 'number';
}

/** Any error as one of the catalogue's. The messages of parsers repeat parts of the request, so they are not passed on. */
function toStreampoolError(error: unknown): StreampoolError {
  if (isStreampoolError(error)) return error;
  if (isHttpError(error) && error.status >= 400 && error.status < 500) {
    switch (error.type) {
      case 'entity.parse.failed':
        return new StreampoolError('INVALID_REQUEST', 'The body is not valid JSON', { cause: error });
      case 'entity.too.large':
        return new StreampoolError('BODY_TOO_LARGE', 'The body is too large', { cause: error });
      default:
        return new StreampoolError('INVALID_REQUEST', 'The request cannot be understood', {
          cause: error,
          status: error.status,
        });
    }
  }
  return new StreampoolError('INTERNAL', 'An internal error, described in the log under this request id', {
    cause: error,
  });
}

/** Answers with the error, unless the head has been sent or nobody is there to read it. */
export function sendError(res: ServerResponse, thrown: unknown): void {
  const context = contextOf(res);
  const error = toStreampoolError(thrown);
  if (error.code === 'INTERNAL') context.log.error({ err: error }, 'request failed');
  else if (error.status >= 500) context.log.warn({ err: error }, 'request not served');
  const { socket } = res.req;
  // Nothing can be added to an answer that has begun; ending it early is how a client learns that it is incomplete.
  if (res.headersSent) socket.destroy();
  if (socket.destroyed) return;
  if (error.retryAfterSeconds !== undefined) res.setHeader('Retry-After', Math.ceil(error.retryAfterSeconds));
  if (error.code === 'TOKEN_MISSING') res.setHeader('WWW-Authenticate', 'Bearer');
  const body = Buffer.from(JSON.stringify(errorBody(error, context.id)));
  res.statusCode = error.status;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', body.length);
  res.end(res.req.method === 'HEAD' ? undefined : body);
}

/** The last handler of the application. */
export const errorHandler: ErrorRequestHandler = (error, _req, res, _next) => sendError(res, error);

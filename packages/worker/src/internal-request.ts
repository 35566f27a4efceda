import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, type ErrorCode, isStreampoolError, StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import type { Logger } from 'pino';

/** What one node of a cluster asks of another. @throws StreampoolError TOKEN_MISSING, TOKEN_WRONG */
export function checkInternalToken(req: IncomingMessage, token: string): void {
  const presented = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (presented === undefined) throw new StreampoolError('TOKEN_MISSING', 'INTERNAL_TOKEN is required');
  // Digests are of one length, so that the comparison tells nothing by its time.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(presented), digest(token))) {
    throw new StreampoolError('TOKEN_WRONG', 'INTERNAL_TOKEN is another one here');
  }
}

/** Answers another node with an error, unless an answer has begun. */
export function refuseNode(res: ServerResponse, thrown: unknown, log: Logger): void {
  // Who asked has gone, and what was under way for it was stopped: nothing went wrong here.
  if (res.destroyed && (thrown as { name?: unknown } | undefined)?.name === 'AbortError') return;
  const error = isStreampoolError(thrown)
    ? thrown
    : new StreampoolError('INTERNAL', 'An internal error, described in the log of the node that was asked');
  if (error.code === 'INTERNAL') log.error({ err: thrown }, 'what another node asked could not be done');
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const { code, info, retryAfterSeconds, message } = error;
  answerNode(res, error.status, {
    ...{ code, detail: redactText(message), info },
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** What another node refused with, as it said it. */
export function refusalOf(answer: unknown): StreampoolError {
  const { code, detail } = (answer ?? {}) as { code?: unknown; detail?: unknown };
  const isKnown = typeof code === 'string' && Object.hasOwn(ERRORS, code);
  return new StreampoolError(
    isKnown ? (code as ErrorCode) : 'INTERNAL',
    typeof detail === 'string' ? detail : 'another node refused without a reason',
  );
}

export function answerNode(res: ServerResponse, status: number, answer: unknown): void {
  const body = Buffer.from(JSON.stringify(answer));
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    Connection: 'close',
  });
  res.end(body);
}

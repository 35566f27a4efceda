import { constants } from 'node:zlib';
import compression from 'compression';
import type { RequestHandler } from 'express';

/** Below it a packet or two are sent either way. */
const LEAST_BYTES = 4 * 1024;

/**
 * Lists are large and repeat themselves: compressed, for clients that want it. The lowest level takes a third of the time
 * of the usual one, and lists of streams shrink to a tenth with either. Only whole answers: what goes on is sent as it comes.
 */
export function compressedAnswers(): RequestHandler {
  return compression({
    threshold: LEAST_BYTES,
    level: 1,
    brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } },
    filter: (_req, res) =>
      /^(?:application\/json|text\/plain|text\/html)\b/.test(`${res.getHeader('content-type')}`),
  });
}

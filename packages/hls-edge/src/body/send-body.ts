import type { ServerResponse } from 'node:http';
import type { HlsBody } from '@streampool/hls';

export interface SendOptions {
  /** A socket that takes nothing for this long is closed; ms. */
  readonly stuckMs: number;
  /** Called with every byte count that has been written. */
  readonly onSent?: (bytes: number) => void;
}

/**
 * Writes a body as it comes and as the socket takes it, and ends the response; the head has been set. Resolves when
 * all is written; to false where the other side has gone before.
 * @throws what the body breaks off with: then the response is not complete
 */
export async function sendBody(
  res: ServerResponse,
  body: Buffer | HlsBody,
  { stuckMs, onSent }: SendOptions,
): Promise<boolean> {
  if (Buffer.isBuffer(body)) {
    res.end(body);
    onSent?.(body.length);
    return flushed(res, stuckMs);
  }
  for await (const chunk of body.open()) {
    if (res.destroyed) return false;
    const isTaken = res.write(chunk);
    onSent?.(chunk.length);
    if (!isTaken && !(await drained(res, stuckMs))) return false;
  }
  res.end();
  return flushed(res, stuckMs);
}

/** False: the other side has gone, or takes nothing any more and was closed. */
function drained(res: ServerResponse, stuckMs: number): Promise<boolean> {
  if (res.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (isThere: boolean): void => {
      clearTimeout(timer);
      res.off('drain', onDrain);
      res.off('close', onClose);
      resolve(isThere);
    };
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(() => {
      res.destroy();
      settle(false);
    }, stuckMs);
    res.on('drain', onDrain);
    res.on('close', onClose);
  });
}

/** Once the response was ended. False: the other side has gone, or takes nothing any more and was closed. */
function flushed(res: ServerResponse, stuckMs: number): Promise<boolean> {
  // As a rule the system has taken it at once.
  if (res.destroyed || res.writableLength === 0) return Promise.resolve(!res.destroyed);
  return new Promise((resolve) => {
    // Node's timer begins anew where the socket has taken a part of a write, so only one that takes nothing runs into it.
    res.setTimeout(stuckMs, () => res.destroy());
    res.once('finish', () => resolve(true));
    res.once('close', () => resolve(false));
  });
}

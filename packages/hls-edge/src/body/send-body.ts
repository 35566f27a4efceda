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
 * all is written or the other side has gone. @throws what the body breaks off with: then the response is not complete
 */
export async function sendBody(
  res: ServerResponse,
  body: Buffer | HlsBody,
  { stuckMs, onSent }: SendOptions,
): Promise<void> {
  if (Buffer.isBuffer(body)) {
    res.end(body);
    onSent?.(body.length);
    return;
  }
  for await (const chunk of body.open()) {
    if (res.destroyed) return;
    const isTaken = res.write(chunk);
    onSent?.(chunk.length);
    if (!isTaken && !(await drained(res, stuckMs))) return;
  }
  res.end();
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

import { StreampoolError } from '@streampool/errors';
import type { BodySink } from '../types.ts';

/**
 * The whole of a small body.
 * @throws StreampoolError UPSTREAM_PROTOCOL when it is larger than `maxBytes`; what broke it off; the signal's reason
 */
export function collectBody(
  body: { attach(sink: BodySink): void },
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    body.attach({
      data: (chunk) => {
        size += chunk.length;
        if (size <= maxBytes) pieces.push(Buffer.from(chunk));
        else
          reject(
            new StreampoolError(
              'UPSTREAM_PROTOCOL',
              `The provider's playlist has more than ${maxBytes} bytes`,
            ),
          );
      },
      end: (error) => {
        if (error) reject(error);
        else resolve(Buffer.concat(pieces));
      },
    });
  });
}

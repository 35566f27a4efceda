import type { StreampoolError } from '@streampool/errors';
import type { UpstreamResponse } from '../src/index.ts';

export const TIMEOUTS = { timeouts: { connectMs: 5_000, firstByteMs: 5_000 } };

export interface Collected {
  readonly body: Buffer;
  readonly error: StreampoolError | undefined;
}

/** Reads a body to its end, or to the error that ended it. */
export function collect(response: UpstreamResponse, options: { paceMs?: number } = {}): Promise<Collected> {
  const pieces: Buffer[] = [];
  return new Promise((resolve) => {
    response.start(
      {
        data: (chunk) => pieces.push(Buffer.from(chunk)),
        end: (error) => resolve({ body: Buffer.concat(pieces), error }),
      },
      options,
    );
  });
}

/** Waits until `check` holds. */
export async function until(check: () => boolean, what: string, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

import { StreampoolError } from '@streampool/errors';
import { ownChunk } from '../socket/buffer-pool.ts';
import type { BodySink, StartOptions, UpstreamResponse } from '../types.ts';

export interface PeekOptions extends StartOptions {
  /** Whether these first bytes suffice. */
  readonly enough: (start: Buffer) => boolean;
  /** How long to wait until they do, in ms. */
  readonly timeoutMs: number;
  /** Gives up waiting (and reading) with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A body whose first bytes are known and whose reading is held. */
export interface PeekedBody {
  /** The first bytes; not enough only if the body is that short, or slow. */
  readonly start: Buffer;
  /** The whole body lies in `start`. */
  readonly complete: boolean;
  /** Gives the body to `sink`, the first bytes included and before it returns, and reads on. At most once. */
  attach(sink: BodySink): void;
}

/**
 * Starts a response and waits for its first bytes, so that an answer can be judged before anything is promised to a
 * viewer. Resolves with what there is after `timeoutMs`, if there is anything. When it rejects the response is closed.
 * @throws StreampoolError UPSTREAM_TIMEOUT when nothing came in time; what broke the body before its first byte
 */
export function peekBody(response: UpstreamResponse, options: PeekOptions): Promise<PeekedBody> {
  const { enough, timeoutMs, signal } = options;
  let pieces: Buffer[] = [];
  let size = 0;
  let sink: BodySink | undefined;
  let ended: { error?: StreampoolError } | undefined;

  const attach = (next: BodySink): void => {
    // Resumed first, so that the next sink can pause from the first byte on; what this brings at once is still collected.
    response.resume();
    const start = Buffer.concat(pieces);
    pieces = []; // This closure lives as long as the body.
    sink = next;
    if (start.length > 0) next.data(start, () => ownChunk(start));
    if (ended) next.end(ended.error);
  };

  return new Promise((resolve, reject) => {
    let waiting = true;
    const stopWaiting = (): void => {
      waiting = false;
      clearTimeout(timer);
      signal?.removeEventListener('abort', fail);
    };
    const fail = (): void => {
      stopWaiting();
      response.close();
      const late = new StreampoolError(
        'UPSTREAM_TIMEOUT',
        `The provider sent no body within ${timeoutMs} ms`,
      );
      reject(signal?.aborted ? signal.reason : (ended?.error ?? late));
    };
    const settle = (): void => {
      if (!waiting) return;
      if (size === 0 && !(ended && !ended.error)) {
        fail();
        return;
      }
      stopWaiting();
      response.pause();
      resolve({ start: Buffer.concat(pieces), complete: ended !== undefined && !ended.error, attach });
    };
    const timer = setTimeout(settle, timeoutMs);
    signal?.addEventListener('abort', fail);

    response.start(
      {
        data: (chunk, retain) => {
          if (sink) {
            sink.data(chunk, retain);
            return;
          }
          pieces.push(Buffer.from(chunk));
          size += chunk.length;
          if (enough(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))) settle();
        },
        end: (error) => {
          if (sink) {
            sink.end(error);
            return;
          }
          ended = error ? { error } : {};
          settle();
        },
      },
      options,
    );
    if (signal?.aborted) fail();
  });
}

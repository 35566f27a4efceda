import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { StreampoolError } from '@streampool/errors';
import { createDecompressor } from '../http/content-decoder.ts';
import { cutError } from '../socket/connect-error.ts';

/** Redirects and refusals have bodies of some hundred bytes: reading them is cheaper than another connection. */
const DISCARDED_BYTES = 64 * 1024;
const DISCARD_MS = 500;

/**
 * The body as it arrives, no faster than it is read.
 * @throws StreampoolError UPSTREAM_TIMEOUT when nothing arrives for `stallMs`, UPSTREAM_CUT when it breaks off
 */
export async function* readBody(message: IncomingMessage, stallMs: number): AsyncGenerator<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  let stall: StreampoolError | undefined;
  const arm = (): void => {
    timer = setTimeout(() => {
      stall = new StreampoolError('UPSTREAM_TIMEOUT', `The provider sent nothing for ${stallMs} ms`);
      message.destroy(stall);
    }, stallMs);
  };
  try {
    arm();
    for await (const chunk of message) {
      clearTimeout(timer);
      yield chunk as Buffer;
      arm();
    }
    if (!message.complete) throw new StreampoolError('UPSTREAM_CUT', 'The provider broke off');
  } catch (error) {
    throw stall ?? cutError(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the content coding off (RFC 9110 §8.4). @throws what reading throws; UPSTREAM_CUT for a damaged body */
export async function* decodeBody(coded: AsyncIterable<Buffer>, coding: string): AsyncGenerator<Buffer> {
  const chunks = coded[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return;
  let broken: unknown;
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      yield first.value as Buffer;
      yield* { [Symbol.asyncIterator]: () => chunks };
    } catch (error) {
      broken = error;
      throw error;
    }
  }
  const decoder = createDecompressor(coding, first.value);
  const source = Readable.from(whole());
  source.on('error', (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
  } catch (cause) {
    throw (
      broken ?? new StreampoolError('UPSTREAM_CUT', `The provider's ${coding} body is damaged`, { cause })
    );
  } finally {
    source.destroy();
    decoder.destroy();
  }
}

/** Reads the rest of a small body for its connection's sake; a larger one takes the connection with it. */
export function discard(message: IncomingMessage): Promise<void> {
  if (message.complete || message.destroyed) {
    message.resume();
    return Promise.resolve();
  }
  let bytes = 0;
  return new Promise((resolve) => {
    const timer = setTimeout(() => message.destroy(), DISCARD_MS);
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DISCARDED_BYTES) message.destroy();
    });
    message.on('error', () => {});
    message.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    message.resume();
  });
}

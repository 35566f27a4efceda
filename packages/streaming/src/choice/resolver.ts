import { StreampoolError } from '@streampool/errors';
import { peekBody, statusRefusal, type UpstreamClient } from '@streampool/upstream';
import type { Logger } from 'pino';
import type { StreamSpec } from '../engine-api.ts';

export interface ResolverOptions {
  readonly client: UpstreamClient;
  /** Where to ask. */
  readonly url: string;
  /** Of the stream; passed on. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The longest that viewers wait for the answer. */
  readonly timeoutMs?: number;
  /** Told when there was no answer, or none that can be used. */
  readonly onError?: (error: StreampoolError) => void;
}

export interface Question {
  readonly currentUrl: string;
  readonly currentIndex: number;
  /** Why it ended; absent where an operator asks. */
  readonly error?: StreampoolError;
}

export interface ResolverUse {
  readonly client: UpstreamClient;
  /** Told when it was of no use. */
  readonly log?: Pick<Logger, 'warn'> | undefined;
}

const MOST_BYTES = 64 * 1024;

/** The resolver of a stream; undefined: it has none. */
export function resolverOf(
  { id: streamId, resolverUrl: url, metadata = {} }: Pick<StreamSpec, 'id' | 'resolverUrl' | 'metadata'>,
  { client, log }: ResolverUse,
): NextUrlResolver | undefined {
  if (url === undefined) return undefined;
  const onError = ({ code, message: reason }: StreampoolError): void =>
    log?.warn({ streamId, code, reason }, 'the resolver was of no use; going on with what is known');
  return new NextUrlResolver({ client, url, metadata, onError });
}

/** Asks somebody else for the next source: POST `{current_url, metadata, …}`, answered by `{next_url}`. */
export class NextUrlResolver {
  readonly #options: Required<Omit<ResolverOptions, 'onError'>> & Pick<ResolverOptions, 'onError'>;
  #lastAnswer: string | undefined;

  constructor(options: ResolverOptions) {
    this.#options = { timeoutMs: 2_000, ...options };
  }

  /** The URL to go on with; the last one that was named if nobody answers; undefined where none is known. Never rejects. */
  async ask(question: Question): Promise<string | undefined> {
    try {
      this.#lastAnswer = await this.#ask(question);
      return this.#lastAnswer;
    } catch (error) {
      this.#options.onError?.(
        error instanceof StreampoolError
          ? error
          : new StreampoolError('INTERNAL', 'the resolver could not be asked', { cause: error }),
      );
      return this.#lastAnswer;
    }
  }

  async #ask({ currentUrl, currentIndex, error }: Question): Promise<string | undefined> {
    const { client, url, metadata, timeoutMs } = this.#options;
    const body = asciiJson({
      current_url: currentUrl,
      metadata,
      current_failover_index: currentIndex,
      status_code: error?.info.upstreamStatus ?? null,
      reason: error?.code ?? 'MANUAL',
    });
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    const deadline = AbortSignal.timeout(timeoutMs);
    const signalled = { timeouts: { connectMs: timeoutMs, firstByteMs: timeoutMs }, signal: deadline };
    const response = await client.open({ method: 'POST', url, headers, body }, signalled);
    try {
      const refusal = statusRefusal(response);
      if (refusal) throw refusal;
      // All of it or too much: `complete` tells which.
      const answer = await peekBody(response, {
        enough: (start) => start.length > MOST_BYTES,
        timeoutMs,
        signal: deadline,
      });
      return nextUrlOf(answer.start, answer.complete);
    } finally {
      response.close();
    }
  }
}

/** @throws StreampoolError UPSTREAM_PROTOCOL */
function nextUrlOf(answer: Buffer, complete: boolean): string | undefined {
  const protocol = (what: string): StreampoolError =>
    new StreampoolError('UPSTREAM_PROTOCOL', `The resolver's answer ${what}`);
  if (!complete) throw protocol('did not end in time, or is too long');
  if (answer.length === 0) return undefined;
  let nextUrl: unknown;
  try {
    ({ next_url: nextUrl } = JSON.parse(answer.toString('utf8')));
  } catch {
    throw protocol('is no JSON object');
  }
  if (nextUrl === null || nextUrl === undefined || nextUrl === '') return undefined;
  const isUrl = typeof nextUrl === 'string' && nextUrl.length <= 8_192 && URL.canParse(nextUrl);
  if (!isUrl || !/^https?:\/\//i.test(nextUrl as string)) throw protocol('names no http or https URL');
  return nextUrl as string;
}

/** Request bodies are ASCII. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

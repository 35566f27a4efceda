import type { IncomingMessage } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';
import type { AddressJudge } from '../address-guard.ts';
import { contentCoding } from '../http/content-decoder.ts';
import { requestHeaders } from '../http/request-head.ts';
import { parseTargetUrl, resolveLocation, sharesCredentials, type TargetUrl } from '../http/target-url.ts';
import { decodeBody, discard, readBody } from './fetch-body.ts';
import { exchange } from './fetch-exchange.ts';
import type {
  FetchedResponse,
  FetcherOptions,
  FetchOptions,
  FetchRequest,
  UpstreamFetcher,
} from './fetcher-api.ts';
import { type FetchContext, KeptConnections } from './kept-connections.ts';
import { Permits } from './permits.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Fetches playlists and segments as one player would: over a few connections that stay open. Node's own `http` carries
 * it, since URLs must go on the wire byte for byte, which nothing that passes them through `URL` grants.
 */
export class KeepAliveFetcher implements UpstreamFetcher {
  readonly #context: FetchContext;
  readonly #connections: KeptConnections;
  readonly #permits: Permits;
  readonly #closing = new AbortController();

  constructor(context: FetchContext, { maxConnections = 2, keepAliveMs = 15_000 }: FetcherOptions = {}) {
    this.#context = context;
    this.#connections = new KeptConnections(context, keepAliveMs);
    this.#permits = new Permits(maxConnections);
  }

  get openConnections(): number {
    return this.#connections.openConnections;
  }

  get maxConnections(): number {
    return this.#permits.most;
  }

  set maxConnections(most: number) {
    this.#permits.most = most;
  }

  async fetch(request: FetchRequest, { timeouts, signal }: FetchOptions): Promise<FetchedResponse> {
    const closing = this.#closing.signal;
    const either = signal ? AbortSignal.any([signal, closing]) : closing;
    const release = await this.#permits.take(timeouts.connectMs + timeouts.firstByteMs, either);
    try {
      const { message, url } = await this.#follow(request, timeouts, either);
      return this.#answer(message, url, timeouts.stallMs, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  closeIdle(): void {
    this.#connections.closeIdle();
  }

  async close(): Promise<void> {
    this.#closing.abort(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    await this.#connections.close();
  }

  async #follow(
    request: FetchRequest,
    timeouts: FetchOptions['timeouts'],
    signal: AbortSignal,
  ): Promise<{ message: IncomingMessage; url: string }> {
    const owner = parseTargetUrl(request.credentialsFor ?? request.url);
    const visited = new Set<string>();
    let target = parseTargetUrl(request.url);
    let withCredentials = sharesCredentials(owner, target);
    // Else what is fetched with a stream's credentials is what that stream's playlist names.
    const namedBy = request.from === undefined ? owner : parseTargetUrl(request.from);
    let from = namedBy.hostname === target.hostname ? undefined : namedBy.hostname;
    for (;;) {
      const judge = this.#context.guard.toward(target.hostname, from);
      this.#enter(target, visited, judge);
      if (request.fresh) this.#connections.closeIdle(target);
      this.#connections.makeRoom(target, this.#permits.most);
      const message = await exchange({
        ...{ connections: this.#connections, target, judge, timeouts, signal, fresh: request.fresh === true },
        headers: withCookies(
          requestHeaders(request, target, withCredentials),
          request.cookies?.sentTo(target.href),
        ),
      });
      const set = message.headers['set-cookie'];
      if (set) request.cookies?.setBy(target.href, set);
      const { location } = message.headers;
      if (location === undefined || !REDIRECTS.has(message.statusCode ?? 0))
        return { message, url: target.href };
      const next = resolveLocation(Buffer.from(location, 'latin1').toString('utf8'), target);
      await discard(message);
      from = target.hostname;
      target = next;
      withCredentials &&= sharesCredentials(owner, target);
    }
  }

  #answer(message: IncomingMessage, url: string, stallMs: number, release: () => void): FetchedResponse {
    const headers = joined(message);
    const coding = contentCoding(headers);
    const { socket } = message;
    const length = Number(headers['content-length'] ?? Number.NaN);
    const count = (): void => this.#connections.count(socket);
    let isTaken = false;
    const over = (): void => {
      count();
      release();
    };
    message.once('close', over);
    async function* body(): AsyncGenerator<Buffer> {
      isTaken = true;
      const coded = readBody(message, stallMs);
      try {
        for await (const chunk of coding === undefined ? coded : decodeBody(coded, coding)) {
          count();
          yield chunk;
        }
      } finally {
        // What is left of it takes the connection with it.
        if (!message.complete) message.destroy();
        over();
      }
    }
    return {
      ...{ status: message.statusCode ?? 0, headers, url },
      contentLength: coding === undefined && Number.isSafeInteger(length) ? length : undefined,
      body: { [Symbol.asyncIterator]: body },
      close: () => {
        if (isTaken) message.destroy();
        else void discard(message).then(over);
      },
    };
  }

  #enter(target: TargetUrl, visited: Set<string>, judge: AddressJudge): void {
    if (visited.has(target.href) || visited.size > MAX_REDIRECTS) {
      const what = visited.has(target.href) ? 'in a circle' : `more than ${MAX_REDIRECTS} times`;
      throw new StreampoolError(
        'UPSTREAM_REDIRECT_LOOP',
        `The provider redirects ${what}: ${redactUrl(target.href)}`,
      );
    }
    visited.add(target.href);
    const refusal = judge.refusalOfHost(target.hostname, target.port);
    if (refusal) throw refusal;
  }
}

/** With what a server has set: of two cookies of one name the server's is the newer. */
function withCookies(
  headers: readonly [name: string, value: string][],
  sent: string | undefined,
): [name: string, value: string][] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be sent.
  if (sent === undefined || /[\u0000-\u001f\u007f]/.test(sent)) return [...headers];
  const nameOf = (cookie: string): string => cookie.split('=', 1)[0]!.trim();
  const names = new Set(sent.split(';').map(nameOf));
  const own = headers.find(([name]) => name.toLowerCase() === 'cookie')?.[1] ?? '';
  const kept = own.split(';').filter((cookie) => cookie.trim() !== '' && !names.has(nameOf(cookie)));
  const value = [...kept.map((cookie) => cookie.trim()), sent].join('; ');
  return [...headers.filter(([name]) => name.toLowerCase() !== 'cookie'), ['Cookie', value]];
}

function joined({ headers }: IncomingMessage): Record<string, string> {
  const out: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return out;
}

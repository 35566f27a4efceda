import { StreampoolError } from '@streampool/errors';
import type { AddressJudge } from './address-guard.ts';
import { type BodyFraming, bodyFraming } from './http/body-framing.ts';
import { ContentDecoder, contentCoding } from './http/content-decoder.ts';
import { ResponseHeadParser } from './http/response-head.ts';
import type { TargetUrl } from './http/target-url.ts';
import { connectError, cutError } from './socket/connect-error.ts';
import { Connection, type ConnectionContext, type ConnectionHandler } from './socket/connection.ts';
import type { BodySink, RetainedChunk, StartOptions, UpstreamResponse, UpstreamTimeouts } from './types.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly target: TargetUrl;
  /** The request head as it goes on the wire. */
  readonly head: string;
  readonly body?: string;
  /** The name is resolved anew: see {@link UpstreamClient.open}. */
  readonly fresh?: boolean;
  /** Decides which address is connected to. */
  readonly judge: AddressJudge;
}

/** What is needed until the response head is there; a body may go on for days without it. */
interface Opening {
  readonly request: ExchangeRequest;
  readonly timeouts: UpstreamTimeouts;
  readonly signal: AbortSignal | undefined;
  readonly parser: ResponseHeadParser;
  deadline: NodeJS.Timeout | undefined;
  resolve(exchange: Exchange): void;
  reject(error: unknown): void;
}

type State = 'connecting' | 'waiting' | 'held' | 'streaming' | 'over';

/** One request and its response on a connection of its own. See {@link UpstreamResponse} for its use. */
export class Exchange implements UpstreamResponse, ConnectionHandler {
  readonly url: string;
  readonly #method: string;
  readonly #connection: Connection;
  #opening: Opening | undefined;
  #state: State = 'connecting';
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #framing: BodyFraming | undefined;
  #sink: BodySink | undefined;
  #decoder: ContentDecoder | undefined;
  #paused = false;
  #received = 0;
  #stallMs = 0;
  /** Body bytes (still framed) that arrived while nobody could take them. */
  #backlog: Buffer[] = [];
  #ending: { error?: StreampoolError } | undefined;

  /**
   * Sends the request and resolves with its response head. When it rejects, the connection is closed.
   * @throws StreampoolError UPSTREAM_CONNECT_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_PROTOCOL, UPSTREAM_ADDRESS_FORBIDDEN;
   *   the signal's reason when that aborts
   */
  static async open(
    context: ConnectionContext,
    request: ExchangeRequest,
    timeouts: UpstreamTimeouts,
    signal?: AbortSignal,
  ): Promise<Exchange> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      new Exchange(context, request, timeouts, signal, { resolve, reject });
    });
  }

  private constructor(
    context: ConnectionContext,
    request: ExchangeRequest,
    timeouts: UpstreamTimeouts,
    signal: AbortSignal | undefined,
    settle: { resolve(exchange: Exchange): void; reject(error: unknown): void },
  ) {
    this.url = request.target.href;
    this.#method = request.method;
    this.#opening = {
      ...settle,
      request,
      timeouts,
      signal,
      parser: new ResponseHeadParser(),
      deadline: undefined,
    };
    this.#connection = new Connection(context, request.target, this, {
      ...(request.fresh && { fresh: true }),
      judge: request.judge,
    });
    signal?.addEventListener('abort', this.#onAbort);
    this.#startDeadline(timeouts.connectMs, 'the connection');
  }

  get status(): number {
    return this.#status;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  get contentLength(): number | undefined {
    return contentCoding(this.#headers) === undefined ? this.#framing?.length : undefined;
  }

  get bytesReceived(): number {
    return this.#received;
  }

  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  start(sink: BodySink, options: StartOptions = {}): void {
    if (this.#state !== 'held') {
      if (this.#state === 'over') return;
      throw new Error('start() may be called once, and only on an open response');
    }
    this.#state = 'streaming';
    const counting: BodySink = {
      data: (chunk, retain) => {
        this.#received += chunk.length;
        sink.data(chunk, retain);
      },
      end: (error) => {
        this.close();
        sink.end(error);
      },
    };
    const coding = contentCoding(this.#headers);
    if (coding !== undefined) {
      this.#decoder = new ContentDecoder(coding, counting, {
        pause: () => this.#hold(),
        resume: () => this.#release(),
      });
    }
    this.#sink = this.#decoder ?? counting;
    this.#connection.pace(options.paceMs ?? 0);
    this.#stallMs = options.stallMs ?? 0;
    if (this.#stallMs > 0) this.#connection.watchIdle(this.#stallMs);
    queueMicrotask(() => this.#release());
  }

  pace(paceMs: number): void {
    this.#connection.pace(paceMs);
  }

  pause(): void {
    if (this.#decoder) this.#decoder.pause();
    else this.#hold();
  }

  resume(): void {
    if (this.#decoder) this.#decoder.resume();
    else this.#release();
  }

  close(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#stopWaiting();
    this.#decoder?.close();
    this.#backlog = [];
    this.#connection.close();
  }

  connected(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'waiting';
    const { request, timeouts } = this.#opening!;
    this.#startDeadline(timeouts.firstByteMs, 'an answer');
    this.#connection.write(request.head);
    if (request.body !== undefined) this.#connection.write(request.body);
  }

  read(chunk: Buffer): void {
    if (this.#state === 'waiting') this.#readHead(chunk);
    else if (this.#state === 'held' || this.#paused) this.#backlog.push(Buffer.from(chunk));
    else if (this.#state === 'streaming') this.#deliver(chunk, chunk);
  }

  ended(error?: Error): void {
    if (this.#state === 'connecting') {
      this.#fail(connectError(error ?? { code: 'ECONNRESET' }, this.#host()));
    } else if (this.#state === 'waiting') {
      const what = error ? 'broke off' : 'closed the connection';
      this.#fail(
        new StreampoolError('UPSTREAM_CUT', `The provider ${what} before it answered`, { cause: error }),
      );
    } else {
      const cut = error ? cutError(error) : this.#framing?.finish();
      this.#ending ??= cut ? { error: cut } : {};
      if (this.#state === 'streaming' && !this.#paused) this.#finish();
    }
  }

  idle(): void {
    if (this.#state !== 'streaming') return;
    if (this.#paused) {
      this.#connection.watchIdle(this.#stallMs);
      return;
    }
    this.#ending = {
      error: new StreampoolError('UPSTREAM_TIMEOUT', `The provider sent nothing for ${this.#stallMs} ms`),
    };
    this.#finish();
  }

  readonly #onAbort = (): void => this.#fail(this.#opening?.signal?.reason);

  #host(): string {
    return this.#opening?.request.target.hostHeader ?? '';
  }

  #startDeadline(ms: number, what: string): void {
    const opening = this.#opening!;
    clearTimeout(opening.deadline);
    opening.deadline = setTimeout(() => {
      this.#fail(new StreampoolError('UPSTREAM_TIMEOUT', `Waited ${ms} ms for ${what} of ${this.#host()}`));
    }, ms);
  }

  #stopWaiting(): Opening | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    clearTimeout(opening?.deadline);
    opening?.signal?.removeEventListener('abort', this.#onAbort);
    return opening;
  }

  #fail(error: unknown): void {
    if (this.#state !== 'connecting' && this.#state !== 'waiting') return;
    const opening = this.#stopWaiting();
    this.close();
    void this.#connection.closed.then(() => opening?.reject(error));
  }

  #readHead(chunk: Buffer): void {
    const parser = this.#opening?.parser;
    if (!parser) return;
    try {
      const rest = parser.push(chunk);
      if (!parser.head) return;
      this.#status = parser.head.status;
      this.#headers = parser.head.headers;
      this.#framing = bodyFraming(this.#method, parser.head);
      if (rest.length > 0) this.#backlog.push(Buffer.from(rest));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#state = 'held';
    this.#hold();
    this.#stopWaiting()?.resolve(this);
  }

  #hold(): void {
    this.#paused = true;
    this.#connection.pause();
  }

  /** Hands out what waited, then reads on. The sink may hold again at any point. */
  #release(): void {
    if (this.#state !== 'streaming') return;
    this.#paused = false;
    while (this.#backlog.length > 0 && !this.#paused && this.#state === 'streaming') {
      this.#deliver(this.#backlog.shift()!);
    }
    if (this.#paused || this.#state !== 'streaming') return;
    if (this.#framing?.complete || this.#ending) this.#finish();
    else this.#connection.resume();
  }

  /** `read` is the socket read that the bytes lie in; absent for bytes that are the exchange's own. */
  #deliver(bytes: Buffer, read?: Buffer): void {
    const sink = this.#sink;
    if (!sink || !this.#framing) return;
    let piece: Buffer;
    try {
      piece = this.#framing.accept(bytes);
    } catch (error) {
      this.#ending = { error: cutError(error) };
      this.#finish();
      return;
    }
    if (piece.length > 0)
      sink.data(piece, read ? this.#connection.retainer(piece, read.length) : () => kept(piece));
    if (this.#framing.complete && !this.#paused && this.#backlog.length === 0) this.#finish();
  }

  #finish(): void {
    if (this.#state !== 'streaming') return;
    const sink = this.#sink;
    this.#sink = undefined;
    const error = this.#ending?.error;
    // A complete body needs no connection any more, whatever becomes of a decoder that still holds some of it.
    this.#connection.close();
    sink?.end(error);
  }
}

function kept(bytes: Buffer): RetainedChunk {
  return { bytes, release: () => {} };
}

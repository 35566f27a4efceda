import { StreampoolError } from '@streampool/errors';
import { ownChunk } from '../socket/buffer-pool.ts';
import type { BodySink, RetainedChunk, StartOptions, UpstreamResponse } from '../types.ts';

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
  /** The first bytes; not enough only if the body is that short, or slow. Empty once attached. */
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
  return new Promise((resolve, reject) => {
    new Peek(response, options, { resolve, reject });
  });
}

/** Lives as long as the body, so it keeps nothing that the first bytes needed. */
class Peek implements BodySink, PeekedBody {
  readonly #response: UpstreamResponse;
  /** Gone once the first bytes are there, or given up. */
  #waiting:
    | { options: PeekOptions; resolve(body: PeekedBody): void; reject(error: unknown): void }
    | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pieces: Buffer[] = [];
  #sink: BodySink | undefined;
  #ended: { error?: StreampoolError } | undefined;

  constructor(
    response: UpstreamResponse,
    options: PeekOptions,
    settle: { resolve(body: PeekedBody): void; reject(error: unknown): void },
  ) {
    this.#response = response;
    this.#waiting = { options, ...settle };
    this.#timer = setTimeout(() => this.#settle(), options.timeoutMs);
    options.signal?.addEventListener('abort', this.#giveUp);
    response.start(this, options);
    if (options.signal?.aborted) this.#giveUp();
  }

  get start(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  get complete(): boolean {
    return this.#ended !== undefined && !this.#ended.error;
  }

  attach(sink: BodySink): void {
    // Resumed first, so that the sink can pause from the first byte on; what this brings at once is still collected.
    this.#response.resume();
    const start = this.start;
    this.#pieces = [];
    this.#sink = sink;
    if (start.length > 0) sink.data(start, () => ownChunk(start));
    if (this.#ended) sink.end(this.#ended.error);
  }

  data(chunk: Buffer, retain: () => RetainedChunk): void {
    if (this.#sink) {
      this.#sink.data(chunk, retain);
      return;
    }
    this.#pieces.push(Buffer.from(chunk));
    if (this.#waiting?.options.enough(this.start)) this.#settle();
  }

  end(error?: StreampoolError): void {
    if (this.#sink) {
      this.#sink.end(error);
      return;
    }
    this.#ended = error ? { error } : {};
    this.#settle();
  }

  #settle(): void {
    if (this.#pieces.length === 0 && !this.complete) {
      this.#giveUp();
      return;
    }
    this.#response.pause();
    this.#stopWaiting()?.resolve(this);
  }

  readonly #giveUp = (): void => {
    const waiting = this.#stopWaiting();
    if (!waiting) return;
    const { signal, timeoutMs } = waiting.options;
    this.#response.close();
    const late = new StreampoolError('UPSTREAM_TIMEOUT', `The provider sent no body within ${timeoutMs} ms`);
    waiting.reject(signal?.aborted ? signal.reason : (this.#ended?.error ?? late));
  };

  #stopWaiting() {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    waiting?.options.signal?.removeEventListener('abort', this.#giveUp);
    return waiting;
  }
}

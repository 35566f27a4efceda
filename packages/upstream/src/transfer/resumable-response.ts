import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type {
  BodySink,
  StartOptions,
  UpstreamClient,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamTimeouts,
} from '../types.ts';
import {
  checkContinuation,
  checkCopy,
  ifRangeOf,
  isProvable,
  type ResumePoint,
  resumePoint,
} from './resumption.ts';

export interface ResumePolicy {
  /** Attempts to go on after one break; counted anew once the body has moved on. */
  readonly attempts: number;
  /** The wait before the second attempt in ms; doubles each time, with jitter. The first is made at once. */
  readonly backoffMs: number;
  /** No attempt starts later than this after the break, in ms. */
  readonly deadlineMs: number;
}

export const DEFAULT_RESUME_POLICY: ResumePolicy = { attempts: 6, backoffMs: 250, deadlineMs: 20_000 };

/** A body must move this far before a further break counts as a new one. */
const PROGRESS_BYTES = 64 * 1024;

export interface ResumableOptions {
  readonly timeouts: UpstreamTimeouts;
  readonly signal?: AbortSignal;
  readonly policy?: ResumePolicy;
  /** Other URLs that may have the same file. Asked only in turn with the first one, and believed only with proof. */
  readonly copies?: readonly string[];
  /** Told of each break that is being mended. */
  readonly onBreak?: (error: StreampoolError, position: number) => void;
}

/**
 * A response whose body survives its connection: when a body of known length breaks off (or stalls), it is continued
 * at the exact byte on a new connection with Range and If-Range, and the sink notices nothing. When it cannot be
 * continued the sink's `end` says why: UPSTREAM_CHANGED for another file, else what broke it last.
 */
export class ResumableResponse implements UpstreamResponse {
  readonly closed: Promise<void>;
  readonly #client: UpstreamClient;
  /** The URL that was asked last with success. */
  #request: UpstreamRequest;
  /** URLs that may have the same file and have not shown that they do not. */
  #copies: readonly string[];
  readonly #timeouts: UpstreamTimeouts;
  readonly #onBreak: ResumableOptions['onBreak'];
  readonly #policy: ResumePolicy;
  readonly #first: UpstreamResponse;
  readonly #point: ResumePoint | undefined;
  /** Of the attempt that is being made to continue. */
  #abort: AbortController | undefined;
  #settleClosed: () => void = () => {};
  #continuing: Promise<void> = Promise.resolve();
  #current: UpstreamResponse;
  #sink: BodySink | undefined;
  #startOptions: StartOptions = {};
  #received = 0;
  #receivedAtBreak = 0;
  #attempt = 0;
  #brokenAt = 0;
  #paused = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;

  /** As {@link UpstreamClient.open}. */
  static async open(
    client: UpstreamClient,
    request: UpstreamRequest,
    options: ResumableOptions,
  ): Promise<ResumableResponse> {
    const { timeouts, signal } = options;
    const first = await client.open(request, { timeouts, ...(signal ? { signal } : {}) });
    return new ResumableResponse(client, request, options, first);
  }

  private constructor(
    client: UpstreamClient,
    request: UpstreamRequest,
    options: ResumableOptions,
    first: UpstreamResponse,
  ) {
    this.#client = client;
    this.#request = request;
    this.#copies = options.copies ?? [];
    this.#timeouts = options.timeouts;
    this.#onBreak = options.onBreak;
    this.#policy = options.policy ?? DEFAULT_RESUME_POLICY;
    this.#first = first;
    this.#current = first;
    this.#point = request.method === 'HEAD' ? undefined : resumePoint(first);
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  get status(): number {
    return this.#first.status;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#first.headers;
  }

  get url(): string {
    return this.#first.url;
  }

  get contentLength(): number | undefined {
    return this.#first.contentLength;
  }

  get bytesReceived(): number {
    return this.#received;
  }

  start(sink: BodySink, options: StartOptions = {}): void {
    this.#sink = sink;
    this.#startOptions = options;
    this.#read(this.#first, 0);
  }

  pause(): void {
    this.#paused = true;
    this.#current.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#current.resume();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#current.close();
    void this.#continuing.then(() => this.#current.closed).then(this.#settleClosed);
  }

  /** Reads a response into the sink, without its first `skip` bytes. */
  #read(response: UpstreamResponse, skip: number): void {
    let toSkip = skip;
    response.start(
      {
        data: (chunk, retain) => {
          if (toSkip >= chunk.length) {
            toSkip -= chunk.length;
            return;
          }
          const skipped = toSkip;
          toSkip = 0;
          this.#received += chunk.length - skipped;
          if (skipped === 0) this.#sink?.data(chunk, retain);
          else {
            this.#sink?.data(chunk.subarray(skipped), () => {
              const held = retain();
              return { bytes: held.bytes.subarray(skipped), release: () => held.release() };
            });
          }
        },
        end: (error) => this.#bodyEnded(error),
      },
      this.#startOptions,
    );
    if (this.#paused) response.pause();
  }

  #bodyEnded(error?: StreampoolError): void {
    const point = this.#point;
    if (!point || this.#position(point) > point.last) {
      this.#finish(point ? undefined : error);
      return;
    }
    if (this.#attempt === 0 || this.#received - this.#receivedAtBreak >= PROGRESS_BYTES) {
      this.#attempt = 0;
      this.#brokenAt = performance.now();
      this.#receivedAtBreak = this.#received;
    }
    // A provider may answer with fewer bytes than asked for; that is a break like any other.
    const cause = error ?? new StreampoolError('UPSTREAM_CUT', 'The provider sent less than it announced');
    this.#onBreak?.(cause, this.#position(point));
    this.#tryAgain(cause, point);
  }

  #position(point: ResumePoint): number {
    return point.first + this.#received;
  }

  #tryAgain(cause: StreampoolError, point: ResumePoint): void {
    const wait =
      this.#attempt === 0 ? 0 : this.#policy.backoffMs * 2 ** (this.#attempt - 1) * (0.5 + Math.random());
    const late = performance.now() + wait - this.#brokenAt > this.#policy.deadlineMs;
    if (this.#attempt >= this.#policy.attempts || late) {
      this.#finish(cause);
      return;
    }
    this.#attempt++;
    this.#timer = setTimeout(() => {
      this.#continuing = this.#continue(point);
    }, wait);
  }

  async #continue(point: ResumePoint): Promise<void> {
    const position = this.#position(point);
    const ifRange = ifRangeOf(point);
    const copy = this.#copyInTurn(point);
    const request: UpstreamRequest = {
      ...this.#request,
      ...(copy === undefined ? {} : { url: copy }),
      range: `bytes=${position}-${point.last}`,
      ...(ifRange ? { ifRange } : {}),
    };
    const abort = new AbortController();
    this.#abort = abort;
    let response: UpstreamResponse | undefined;
    try {
      // The provider's only slot may be the one that is just being given up.
      this.#current.close();
      await this.#current.closed;
      response = await this.#client.open(request, {
        timeouts: this.#timeouts,
        signal: abort.signal,
      });
      this.#current = response;
      if (this.#over) {
        response.close();
        return;
      }
      if (copy !== undefined) checkCopy(point, position, response);
      this.#read(response, checkContinuation(point, position, response));
      if (copy !== undefined) this.#adopt(copy);
    } catch (error) {
      response?.close();
      if (this.#over) return;
      const cause = isStreampoolError(error)
        ? error
        : new StreampoolError('INTERNAL', 'The body could not be continued', { cause: error });
      if (copy !== undefined && cause.code === 'UPSTREAM_CHANGED')
        this.#copies = this.#copies.filter((url) => url !== copy);
      const isFinal = cause.code === 'INTERNAL' || (cause.code === 'UPSTREAM_CHANGED' && copy === undefined);
      if (isFinal) this.#finish(cause);
      else this.#tryAgain(cause, point);
    }
  }

  /** Every second attempt is for another URL, where one can prove to have the file. */
  #copyInTurn(point: ResumePoint): string | undefined {
    if (this.#attempt % 2 === 1 || this.#copies.length === 0 || !isProvable(point)) return undefined;
    return this.#copies[(this.#attempt / 2 - 1) % this.#copies.length];
  }

  /** The URL that proved to have the file is the one to ask from now on; the former one is a copy of it. */
  #adopt(copy: string): void {
    const former = this.#request.url;
    this.#request = { ...this.#request, url: copy };
    this.#copies = [...this.#copies.filter((url) => url !== copy), former];
  }

  #finish(error?: StreampoolError): void {
    const sink = this.#sink;
    this.close();
    sink?.end(error);
  }
}

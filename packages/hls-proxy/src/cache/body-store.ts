import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { HlsBody } from '@streampool/hls';
import type { Clock } from '@streampool/streaming';
import { canJudge, type FetchedResponse, mediaRefusal, mediaTypeOf } from '@streampool/upstream';
import type { CacheOutcome } from '../options.ts';
import type { SourceTurn } from '../source/source-turn.ts';
import type { BodyResource } from '../token/resource.ts';
import { freshForMs } from './freshness.ts';
import { GrowingBody } from './growing-body.ts';
import type { CachedResource, HlsCache } from './hls-cache.ts';
import { ResumedBody } from './resumed-body.ts';
import { sliceOf } from './slice.ts';

export interface BodyStoreOptions {
  readonly streamId: string;
  readonly cache: HlsCache;
  readonly clock: Clock;
  /** The source that plays. @throws StreampoolError why there is none */
  readonly ready: (signal: AbortSignal) => Promise<SourceTurn>;
  /** For how long it is kept however little its provider wants that, ms: it is part of what plays. 0: it is not. */
  readonly keepMs: (url: string) => number;
  readonly onBytes: (bytes: number) => void;
  readonly onRead: (bytes: number) => void;
  /** How a fetch ended. `turn`: the source that it went to. */
  readonly onEnd: (end: { turn: SourceTurn | undefined; url: string; error?: StreampoolError }) => void;
}

export interface Wanted {
  readonly resource: BodyResource;
  /** The value of a Range header. */
  readonly range?: string | undefined;
  /** Others are about to ask for all of it: then the range is a part of that. */
  readonly isOfWhole?: boolean;
  /** Nobody has asked for it yet: it is fetched to its end all the same. */
  readonly isPrefetch?: boolean;
}

export interface Found {
  readonly found: Omit<CachedResource, 'body'> & { readonly body: HlsBody };
  readonly outcome: CacheOutcome;
}

/** A body whose beginning is here. */
interface Arriving {
  readonly fetched: ResumedBody;
  readonly chunks: AsyncGenerator<Buffer>;
  readonly start: readonly Buffer[];
}

interface Pending {
  readonly promise: Promise<CachedResource>;
  readonly abort: AbortController;
  waiting: number;
  isPrefetch: boolean;
}

/** A body that its provider has said nothing of. */
const DEFAULT_FRESH_MS = 10 * 60_000;
/** How long even what is not to be kept is kept: those who ask for it together are one viewer; ms. */
const LEAST_FRESH_MS = 10_000;
/** What nobody reads any more has this long to arrive, if nothing waits for its connection. */
const LINGER_MS = 3_000;
const WINDOW_BYTES = 2 * 1024 * 1024;
const PATIENCE_MS = 15_000;
const ATTEMPTS = 2;

/** Segments, keys and the like: each fetched once for all who ask, and kept for those who come later. */
export class BodyStore {
  readonly #options: BodyStoreOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #closing = new AbortController();
  /** Ends the fetch of a body that still grows. */
  readonly #growing = new Map<CachedResource, () => void>();
  /** Those that nobody reads any more, and the end of their grace. */
  readonly #lingering = new Map<CachedResource, () => void>();

  constructor(options: BodyStoreOptions) {
    this.#options = options;
  }

  /** It is all here, or arrives just now. */
  holds(url: string, range?: string): boolean {
    const { cache, clock } = this.#options;
    const body = cache.get(this.#keyOf(url, range), clock.now())?.body;
    return body !== undefined && (body.isWhole || !body.isOver);
  }

  /** It is here, or on its way. */
  knows(url: string, range?: string): boolean {
    const key = this.#keyOf(url, range);
    return this.#pending.has(key) || this.#options.cache.get(key, this.#options.clock.now()) !== undefined;
  }

  /**
   * Resolves when the body begins to arrive.
   * @throws StreampoolError NOT_FOUND, RANGE_NOT_SATISFIABLE (`info.length`: of the body, where that is known), UPSTREAM_*; the signal's reason
   */
  async get(
    { resource, range: asked, isOfWhole = false, isPrefetch = false }: Wanted,
    signal: AbortSignal,
  ): Promise<Found> {
    const { cache, clock } = this.#options;
    // Some players ask for "all from the beginning" as a matter of course; it is the same body.
    const range = asked?.trim() === 'bytes=0-' ? undefined : asked;
    const { url } = resource;
    const key = this.#keyOf(url, range);
    const now = clock.now();
    const cached = cache.get(key, now);
    if (cached) return { found: cached, outcome: cached.body.isOver ? 'hit' : 'shared' };
    if (range !== undefined && isOfWhole && !this.knows(url))
      this.#begin(this.#keyOf(url), resource, undefined);
    const slice = range === undefined ? undefined : await this.#slice(url, range, signal);
    if (slice) return slice;
    const known = this.#pending.get(key);
    const pending = known ?? this.#begin(key, resource, range);
    pending.isPrefetch ||= isPrefetch;
    return { found: await this.#wait(pending, signal), outcome: known ? 'shared' : 'miss' };
  }

  /** Idempotent. */
  close(): void {
    this.#closing.abort(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    for (const stop of this.#growing.values()) stop();
    this.#options.cache.clear(`${this.#options.streamId} `);
  }

  /** Out of the whole, where that is here or on its way: players of I-frames read what others watch. */
  async #slice(url: string, range: string, signal: AbortSignal): Promise<Found | undefined> {
    const { cache, clock } = this.#options;
    const key = this.#keyOf(url);
    const pending = this.#pending.get(key);
    const whole = pending
      ? await this.#wait(pending, signal).catch(() => undefined)
      : cache.get(key, clock.now());
    signal.throwIfAborted();
    if (whole?.status !== 200 || !whole.body.isKept || !whole.body.isOpenable) return undefined;
    const slice = sliceOf(whole.body, range);
    if (!slice) return undefined;
    const headers = { 'content-range': slice.contentRange };
    const outcome = whole.body.isOver ? 'hit' : 'shared';
    return { found: { ...whole, status: 206, headers, body: slice.body }, outcome };
  }

  #keyOf(url: string, range = ''): string {
    return `${this.#options.streamId} ${range} ${url}`;
  }

  #begin(key: string, resource: BodyResource, range: string | undefined): Pending {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#closing.signal]);
    const promise = this.#fetch(key, resource, range, signal, () => pending.isPrefetch);
    const pending: Pending = { promise, abort, waiting: 0, isPrefetch: false };
    this.#pending.set(key, pending);
    const over = (): void => void this.#pending.delete(key);
    promise.then(over, over);
    return pending;
  }

  /** Who leaves does not end it for the others; the last one does. */
  #wait(pending: Pending, signal: AbortSignal): Promise<CachedResource> {
    if (signal.aborted) return Promise.reject(signal.reason);
    pending.waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        pending.waiting -= 1;
        if (pending.waiting === 0 && !pending.isPrefetch) pending.abort.abort(signal.reason);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      pending.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  async #fetch(
    key: string,
    resource: BodyResource,
    range: string | undefined,
    signal: AbortSignal,
    isPrefetch: () => boolean,
  ): Promise<CachedResource> {
    const { onEnd, ready } = this.#options;
    let turn: SourceTurn | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        turn = await ready(signal);
        const either = AbortSignal.any([signal, turn.signal]);
        const { url, from } = resource;
        const request = { url, ...(from !== undefined && { from }) };
        const { connection } = turn;
        if (!connection.isFree) for (const found of [...this.#lingering.keys()]) this.#stopLingering(found);
        const response = await connection.fetch(
          { ...request, fresh: attempt > 1, ...(range !== undefined && { range }) },
          either,
        );
        const fetched = new ResumedBody(response, (rest) =>
          connection.fetch({ ...request, range: rest, fresh: true }, this.#closing.signal),
        );
        return await this.#accept(key, resource, { response, fetched }, turn, isPrefetch);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const isOther = turn?.signal.aborted === true;
        const reason = asStreampoolError(error);
        if (attempt < ATTEMPTS && (isOther || isWorthAnother(reason))) continue;
        onEnd({ turn: isOther ? undefined : turn, url: resource.url, error: reason });
        throw asked(reason);
      }
    }
  }

  async #accept(
    key: string,
    resource: BodyResource,
    { response, fetched }: { readonly response: FetchedResponse; readonly fetched: ResumedBody },
    turn: SourceTurn,
    isPrefetch: () => boolean,
  ): Promise<CachedResource> {
    const { cache, clock, keepMs, onRead } = this.#options;
    const { status, headers } = response;
    const chunks = fetched.chunks();
    const start: Buffer[] = [];
    try {
      if (status !== 200 && status !== 206)
        throw new StreampoolError('UPSTREAM_STATUS', `The provider answered ${status}`, {
          info: { upstreamStatus: status, ...(status === 416 && lengthOf(headers['content-range'])) },
        });
      if (resource.kind === 'media') await judge(chunks, start, headers['content-type']);
    } catch (error) {
      fetched.close();
      void chunks.return(undefined);
      throw error;
    }
    const contentRange = headers['content-range'];
    const ownMs = freshForMs(headers, clock.wallNow());
    const found: CachedResource = {
      status,
      contentType: typeOf(resource, headers['content-type']),
      url: response.url,
      headers: status === 206 && contentRange !== undefined ? { 'content-range': contentRange } : {},
      freshUntilMs: clock.now() + Math.max(LEAST_FRESH_MS, keepMs(resource.url), ownMs ?? DEFAULT_FRESH_MS),
      body: new GrowingBody({
        length: response.contentLength,
        mostKept: cache.mostKept,
        windowBytes: WINDOW_BYTES,
        patienceMs: PATIENCE_MS,
        clock,
        onRead,
        onAbandoned: () => this.#abandon(found, isPrefetch()),
      }),
    };
    cache.put(key, found);
    void this.#pump(key, found, { fetched, chunks, start }, turn, resource.url);
    return found;
  }

  /**
   * Players give up segments when they change variants, and others ask for the same ones a moment later: what is nearly
   * there had better arrive, unless something else waits for its connection.
   */
  #abandon(found: CachedResource, isPrefetch: boolean): void {
    const stop = this.#growing.get(found);
    if (!stop || (isPrefetch && found.body.isKept)) return;
    if (!found.body.isKept) {
      stop();
      return;
    }
    this.#lingering.get(found)?.();
    const cancel = this.#options.clock.after(LINGER_MS, () => this.#stopLingering(found));
    this.#lingering.set(found, cancel);
  }

  #stopLingering(found: CachedResource): void {
    this.#lingering.get(found)?.();
    this.#lingering.delete(found);
    if (!found.body.isRead) this.#growing.get(found)?.();
  }

  async #pump(
    key: string,
    found: CachedResource,
    { fetched, chunks, start }: Arriving,
    turn: SourceTurn,
    url: string,
  ): Promise<void> {
    const { cache, onBytes, onEnd } = this.#options;
    const { body } = found;
    let isStopped = false;
    this.#growing.set(found, () => {
      isStopped = true;
      body.end(new StreampoolError('STREAM_STOPPED', 'nobody reads it any more'));
      fetched.close();
    });
    const take = (chunk: Buffer): Promise<void> => {
      onBytes(chunk.length);
      const isTaken = body.push(chunk);
      cache.count(key, found);
      return isTaken;
    };
    let error: StreampoolError | undefined;
    try {
      for (const chunk of start) await take(chunk);
      for (;;) {
        const next = await chunks.next();
        if (next.done || isStopped) break;
        await take(next.value);
      }
    } catch (reason) {
      error = asStreampoolError(reason);
    }
    this.#growing.delete(found);
    this.#lingering.get(found)?.();
    this.#lingering.delete(found);
    void chunks.return(undefined);
    if (isStopped) {
      cache.delete(key, found);
      return;
    }
    body.end(error);
    cache.count(key, found);
    if (error || !body.isWhole) cache.delete(key, found);
    onEnd({ turn, url, ...(error && { error }) });
  }
}

/** Reads until it is clear that this is media. @throws StreampoolError UPSTREAM_NOT_MEDIA, what breaks it off */
async function judge(
  chunks: AsyncIterator<Buffer>,
  start: Buffer[],
  contentType: string | undefined,
): Promise<void> {
  let bytes = Buffer.alloc(0);
  while (!canJudge(bytes) || bytes.length === 0) {
    const next = await chunks.next();
    if (next.done) break;
    start.push(next.value);
    bytes = Buffer.concat([bytes, next.value]);
  }
  const refusal = mediaRefusal(contentType, bytes);
  if (refusal) throw refusal;
}

function typeOf({ kind, url }: BodyResource, contentType: string | undefined): string {
  if (kind === 'media') return mediaTypeOf(contentType, url);
  if (kind === 'key') return 'application/octet-stream';
  return contentType ?? 'application/octet-stream';
}

function asStreampoolError(error: unknown): StreampoolError {
  if (isStreampoolError(error)) return error;
  return new StreampoolError('INTERNAL', 'a resource could not be fetched', { cause: error });
}

/** A cut or a hiccup of the server: the next answer may be the right one. */
function isWorthAnother(error: StreampoolError): boolean {
  const status = error.info.upstreamStatus;
  if (typeof status === 'number') return status >= 500;
  return error.code === 'UPSTREAM_CUT' || error.code === 'UPSTREAM_CONNECT_FAILED';
}

/** What a player is told. */
function asked(error: StreampoolError): StreampoolError {
  const status = error.info.upstreamStatus;
  if (status === 404 || status === 410)
    return new StreampoolError('NOT_FOUND', 'the provider has it no longer', { cause: error });
  const { length } = error.info;
  if (status === 416)
    return new StreampoolError('RANGE_NOT_SATISFIABLE', 'the provider has no such range', {
      info: { ...(length !== undefined && { length }) },
    });
  return error;
}

/** What the Content-Range of a 416 says of the body (RFC 9110 §14.4). */
function lengthOf(contentRange: string | undefined): { readonly length?: number } {
  const [, length] = /^\s*bytes\s+\*\/(\d{1,15})\s*$/i.exec(contentRange ?? '') ?? [];
  return length === undefined ? {} : { length: Number(length) };
}

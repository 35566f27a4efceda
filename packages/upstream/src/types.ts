import type { StreampoolError } from '@streampool/errors';
import type { ConnectionHolder, Slot } from './connection-slots.ts';

export type ResolverName = 'streamlink' | 'ytdlp';

/** Which program finds the media on a page, and what it is told. */
export interface ResolverChoice {
  readonly name: ResolverName;
  /** Words as a shell has them; the first may be a quality or a format. */
  readonly args: string;
  /** In Netscape's format, sealed. */
  readonly cookies?: string;
}

/** Finds the media on pages, for a client that is given pages in the place of media. */
export interface PageResolver {
  /** What to open in the place of a target with a `resolver`. @throws StreampoolError RESOLVER_*; the signal's reason */
  resolve(target: UpstreamTarget, signal?: AbortSignal): Promise<UpstreamTarget>;
  /** What was found is not good any more. */
  forget(target: UpstreamTarget): void;
}

/** Where a stream comes from, and what the provider wants to be told. */
export interface UpstreamTarget {
  readonly url: string;
  /** The URL is that of a page: this is how to find what is on it. */
  readonly resolver?: ResolverChoice;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** What a connection there is for; where the provider allows only so many. */
  readonly holder?: ConnectionHolder;
}

export interface UpstreamRequest extends UpstreamTarget {
  /** The URL of the playlist that led here; absent, the stream itself names the URL. See {@link AddressGuard}. */
  readonly from?: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  /** Of a POST, in ASCII. */
  readonly body?: string;
  /** The value of a Range header, such as `bytes=100-`. */
  readonly range?: string;
  /** The value of an If-Range header: a strong ETag or a date. */
  readonly ifRange?: string;
  /** Under which the connection counts already: see {@link UpstreamClient.reserve}. */
  readonly slot?: Slot;
}

export interface UpstreamTimeouts {
  /** DNS, TCP and TLS together, per attempt, in ms. */
  readonly connectMs: number;
  /** From the request written to the response head, in ms. */
  readonly firstByteMs: number;
}

/** Bytes that stay valid until they are released. */
export interface RetainedChunk {
  readonly bytes: Buffer;
  /** Idempotent. The bytes may be overwritten from now on. What is never released counts against the client's memory for ever. */
  release(): void;
}

/** Takes a body. Called only while its response is open; never called again after `end`. */
export interface BodySink {
  /**
   * A piece of the body, never empty. The buffer is scratch memory shared by all connections: it is valid until
   * this call returns. A sink that needs the bytes longer (as a socket write does) calls `retain()` first, at most
   * once and before the call returns, and uses what that returns: the very same memory where this connection
   * has a buffer of its own (a fast source), a copy otherwise.
   */
  data(chunk: Buffer, retain: () => RetainedChunk): void;
  /** The body is complete (no error), or broke off (error says why; nothing follows). */
  end(error?: StreampoolError): void;
}

export interface StartOptions {
  /** > 0 lets the kernel batch: reading pauses up to this many ms between reads, and less the faster the source is (live streams). */
  readonly paceMs?: number;
  /** > 0 ends the body with UPSTREAM_TIMEOUT when nothing arrives for this many ms while the sink does take data. */
  readonly stallMs?: number;
}

/** A response whose body has not been read yet. Exactly one of `start` or `close` must be called. */
export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Bytes of the body that will follow, if the server said so and the body is not encoded. */
  readonly contentLength: number | undefined;
  /** Bytes of body (decoded) given to the sink so far. */
  readonly bytesReceived: number;
  /** Begins to read; the sink is first called after this call has returned. */
  start(sink: BodySink, options?: StartOptions): void;
  /** Holds the sink's calls (and the provider, through TCP) until `resume()`. May be called from inside `data`. */
  pause(): void;
  resume(): void;
  /** Reads in such batches from now on; see `StartOptions.paceMs`. */
  pace?(paceMs: number): void;
  /** Idempotent. Ends the connection without calling the sink again. */
  close(): void;
  /** Settles once the socket is really closed: the provider's slot is free. Never rejects. */
  readonly closed: Promise<void>;
}

export interface UpstreamClient {
  /**
   * Follows redirects and resolves with the response head, whatever its status. When it rejects, nothing is left open.
   * A redirect of a POST is not followed, but is the answer.
   * `fresh`: the host's last connection was cut. Its name is resolved past the system's caches, and the address that was
   * cut is the last one to be tried.
   * `signal` covers the opening only (it rejects with the signal's reason); afterwards `close()` is the way to stop.
   * @throws StreampoolError UPSTREAM_CONNECT_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_REDIRECT_LOOP, UPSTREAM_ADDRESS_FORBIDDEN, UPSTREAM_PROTOCOL,
   *   UPSTREAM_CUT (the connection ended before the head was complete), INVALID_REQUEST (a header that cannot be sent),
   *   PROVIDER_LIMIT (the provider allows no further connection)
   */
  open(
    request: UpstreamRequest,
    options: { timeouts: UpstreamTimeouts; signal?: AbortSignal; fresh?: boolean },
  ): Promise<UpstreamResponse>;
  /**
   * One slot for all the connections that one reader makes one after the other; undefined where there is no limit.
   * @throws StreampoolError PROVIDER_LIMIT
   */
  reserve?(target: UpstreamTarget, signal?: AbortSignal): Promise<Slot | undefined>;
  /** What is opened for a target: of a page, the media on it. @throws StreampoolError RESOLVER_* */
  resolve?(target: UpstreamTarget, signal?: AbortSignal): Promise<UpstreamTarget>;
}

/** What the client is doing now. Hosts only, no paths: it may be shown to operators. */
export interface UpstreamStats {
  readonly openConnections: number;
  /** Connections now open, by `host:port`. */
  readonly connectionsByHost: Readonly<Record<string, number>>;
  /** Connections ever opened, and bytes ever read from sockets. */
  readonly totalConnections: number;
  readonly totalBytes: number;
  /** Memory of body bytes that slow readers have not taken yet. */
  readonly heldBytes: number;
}

import type { UpstreamClient, UpstreamTimeouts } from '../types.ts';

export interface FetchRequest {
  /** http or https; path and query go on the wire byte for byte. */
  readonly url: string;
  /** Those that identify the sender are left out where `credentialsFor` is of another origin, and after a redirect to one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** The URL of the playlist that led here; absent, the stream itself names it. See `AddressGuard`. */
  readonly from?: string;
  /** The URL that `headers` were given for; `url` by default. */
  readonly credentialsFor?: string;
  /** The value of a Range header, such as `bytes=0-99`. */
  readonly range?: string;
  /** What servers set is kept there and sent back, also along redirects. */
  readonly cookies?: FetchCookies;
  /** Kept connections were cut, or lead nowhere: a new one is opened. */
  readonly fresh?: boolean;
}

/** Cookies of servers, by the rules of whoever keeps them. Must not throw. */
export interface FetchCookies {
  /** The value of the Cookie header for this URL. */
  sentTo(url: string): string | undefined;
  /** The Set-Cookie lines of its answer. */
  setBy(url: string, lines: readonly string[]): void;
}

export interface FetchOptions {
  readonly timeouts: UpstreamTimeouts & {
    /** A body from which nothing arrives for this long while it is read is given up, ms. */
    readonly stallMs: number;
  };
  readonly signal?: AbortSignal;
}

/** An answer whose body is read by one reader, at its own pace. Either it is read to its end or `close` is called. */
export interface FetchedResponse {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Bytes of the body, where the server says so and it is not encoded. */
  readonly contentLength: number | undefined;
  /** Decoded. Throws UPSTREAM_CUT or UPSTREAM_TIMEOUT where it breaks off. */
  readonly body: AsyncIterable<Buffer>;
  /** Idempotent. A body that was not read to its end takes its connection with it. */
  close(): void;
}

/** Fetches one resource after the other over a few connections that are kept open in between. */
export interface UpstreamFetcher {
  /**
   * Follows redirects and resolves with the response head, whatever its status.
   * @throws StreampoolError as {@link UpstreamClient.open}; the signal's reason when that aborts
   */
  fetch(request: FetchRequest, options: FetchOptions): Promise<FetchedResponse>;
  /** Closes kept connections that nobody uses. */
  closeIdle(): void;
  /** The most connections at once, whatever the host. May be changed; those that are in use are left. */
  maxConnections: number;
  /** Connections now open. */
  readonly openConnections: number;
  /** Idempotent: ends all connections. Settles once they are closed. */
  close(): Promise<void>;
}

export interface FetcherOptions {
  /** The most connections at once, whatever the host. 2 by default. */
  readonly maxConnections?: number;
  /** How long a connection without a request is kept, ms. 15,000 by default. */
  readonly keepAliveMs?: number;
}

/** A client that can also fetch many small things. */
export interface FetchingClient extends UpstreamClient {
  fetcher(options?: FetcherOptions): UpstreamFetcher;
}

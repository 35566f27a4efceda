import type { StreampoolError } from '@streampool/errors';

/** Where a stream comes from, and what the provider wants to be told. */
export interface UpstreamTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent?: string;
}

export interface UpstreamRequest extends UpstreamTarget {
  readonly method?: 'GET' | 'HEAD';
  /** The value of a Range header, such as `bytes=100-`. */
  readonly range?: string;
  /** The value of an If-Range header: a strong ETag or a date. */
  readonly ifRange?: string;
}

export interface UpstreamTimeouts {
  /** DNS, TCP and TLS together, per attempt, in ms. */
  readonly connectMs: number;
  /** From the request written to the response head, in ms. */
  readonly firstByteMs: number;
}

/** Takes a body. Called only while its response is open; never called again after `end`. */
export interface BodySink {
  /**
   * A piece of the body. The buffer is the reader's scratch memory: it is valid until this call returns,
   * unless `retain()` is called, which makes it the sink's own (the reader then goes on with a fresh one).
   */
  data(chunk: Buffer, retain: () => void): void;
  /** The body is complete (no error), or broke off (error says why; nothing follows). */
  end(error?: StreampoolError): void;
}

/** A response whose body has not been read yet. Exactly one of `start` or `close` must be called. */
export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Bytes of the body that will follow, if the server said so and the body is not encoded. */
  readonly contentLength?: number;
  /** Bytes of body (decoded) given to the sink so far. */
  readonly bytesReceived: number;
  /** `paceMs` > 0 lets the kernel batch: after a short read, reading pauses for that long (live streams). */
  start(sink: BodySink, options?: { paceMs?: number }): void;
  pause(): void;
  resume(): void;
  /** Idempotent. Ends the connection without calling the sink again. */
  close(): void;
  /** Settles once the socket is really closed: the provider's slot is free. Never rejects. */
  readonly closed: Promise<void>;
}

export interface UpstreamClient {
  /**
   * Follows redirects and resolves with the response head, whatever its status.
   * @throws StreampoolError UPSTREAM_CONNECT_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_REDIRECT_LOOP, UPSTREAM_ADDRESS_FORBIDDEN, UPSTREAM_PROTOCOL
   */
  open(
    request: UpstreamRequest,
    options: { timeouts: UpstreamTimeouts; signal?: AbortSignal },
  ): Promise<UpstreamResponse>;
}

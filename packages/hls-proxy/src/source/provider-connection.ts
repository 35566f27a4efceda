import type { Clock } from '@streampool/streaming';
import type {
  FetchedResponse,
  FetchingClient,
  FetchOptions,
  FetchRequest,
  Slot,
  UpstreamFetcher,
  UpstreamTarget,
} from '@streampool/upstream';
import { ProviderCookies } from './provider-cookies.ts';

export interface ProviderConnectionOptions {
  readonly client: FetchingClient;
  /** With its holder: what the connection is for. */
  readonly target: UpstreamTarget;
  readonly timeouts: FetchOptions['timeouts'];
  readonly clock: Clock;
  readonly onFetch: () => void;
}

/** As players have: one for what is being watched, one for what comes next. */
const CONNECTIONS = 2;
/** Low latency holds some open while they wait for the next part. */
const CONNECTIONS_LOW_LATENCY = 6;
/** A second connection that has not been needed for this long is given back to the provider. */
const SPARE_MS = 10_000;
/** A segment that is on its way when its source is left has this long to arrive. */
const LEAVING_MS = 10_000;

/**
 * What one provider sees of a stream: one viewer. Everything is fetched under one slot, which is taken with the first request
 * and held until the source is left. Where the provider counts its connections, a second one at the same time needs a
 * second slot: it is taken if one is free, without ending anybody, and given back soon.
 */
export class ProviderConnection {
  /** Settles when no connection is open any more. */
  readonly closed: Promise<void>;
  readonly #options: ProviderConnectionOptions;
  readonly #fetcher: UpstreamFetcher;
  readonly #closing = new AbortController();
  readonly #cookies = new ProviderCookies();
  #taking: Promise<Slot | undefined> | undefined;
  #spare: Promise<Slot | undefined> | undefined;
  #hasSpare = false;
  #cancelSpare: () => void = () => {};
  #isCounted = false;
  #active = 0;
  readonly #isClosed = Promise.withResolvers<void>();
  #onIdle: () => void = () => {};

  constructor(options: ProviderConnectionOptions) {
    this.#options = options;
    this.#fetcher = options.client.fetcher({ maxConnections: CONNECTIONS });
    this.closed = this.#isClosed.promise;
  }

  /** For how long an answer is waited for, where nothing else is said; ms. */
  get firstByteMs(): number {
    return this.#options.timeouts.firstByteMs;
  }

  /** There is a connection that nobody uses. */
  get isFree(): boolean {
    return this.#active < this.#fetcher.maxConnections;
  }

  /** Requests that wait at the provider for something new would keep the only connection. */
  get mayBlock(): boolean {
    return this.#fetcher.maxConnections > 1;
  }

  /** The stream has low latency. */
  allowMore(): void {
    if (!this.#isCounted) this.#fetcher.maxConnections = CONNECTIONS_LOW_LATENCY;
  }

  /** @throws StreampoolError PROVIDER_LIMIT, as the fetcher does; the signal's reason */
  async fetch(
    request: Pick<FetchRequest, 'url' | 'from' | 'range' | 'fresh'>,
    signal: AbortSignal,
    timeouts: Partial<FetchOptions['timeouts']> = {},
  ): Promise<FetchedResponse> {
    const { target } = this.#options;
    await this.#takeSlot();
    signal.throwIfAborted();
    if (this.#active >= this.#fetcher.maxConnections) this.#wantSpare();
    this.#options.onFetch();
    this.#active += 1;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.#active -= 1;
      if (this.#active === 0) this.#onIdle();
    };
    try {
      const response = await this.#fetcher.fetch(
        {
          ...request,
          ...{ headers: target.headers, credentialsFor: target.url, cookies: this.#cookies },
          ...(target.userAgent !== undefined && { userAgent: target.userAgent }),
        },
        { timeouts: { ...this.#options.timeouts, ...timeouts }, signal },
      );
      return counted(response, over);
    } catch (error) {
      over();
      throw error;
    }
  }

  /**
   * Nothing more is asked for. Bodies that are on their way may come to their end where no slot is needed by what follows.
   * Settles when the slot is free.
   */
  async leave(): Promise<void> {
    const { clock } = this.#options;
    if (this.#isCounted || this.#active === 0) return this.close();
    const cancel = clock.after(LEAVING_MS, () => void this.close());
    this.#onIdle = () => {
      cancel();
      void this.close();
    };
  }

  /** Idempotent: ends all fetches; settles when the sockets are closed and the slots given back. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelSpare();
    await this.#fetcher.close();
    const slots = await Promise.allSettled([this.#taking, this.#spare]);
    for (const slot of slots) if (slot.status === 'fulfilled') slot.value?.release();
    this.#isClosed.resolve();
  }

  async #takeSlot(): Promise<void> {
    const { client, target } = this.#options;
    this.#taking ??= client.reserve?.(target, this.#closing.signal) ?? Promise.resolve(undefined);
    const taking = this.#taking;
    try {
      const slot = await taking;
      if (!slot || this.#isCounted) return;
      this.#isCounted = true;
      this.#fetcher.maxConnections = 1;
    } catch (error) {
      if (this.#taking === taking) this.#taking = undefined;
      throw error;
    }
  }

  /** Two things are wanted at once: perhaps the provider has another connection for us. */
  #wantSpare(): void {
    const { client, target, clock } = this.#options;
    if (!this.#isCounted || !target.holder) return;
    // One that was not free is asked for again after a while, however often it is wanted meanwhile.
    if (this.#spare && !this.#hasSpare) return;
    this.#cancelSpare();
    this.#cancelSpare = clock.after(SPARE_MS, () => this.#releaseSpare());
    if (this.#spare) return;
    const holder = { ...target.holder, beside: true, end: () => this.#releaseSpare() };
    const taking = client.reserve?.({ ...target, holder }, this.#closing.signal);
    const spare = taking?.then(
      (slot) => {
        // It may have been given up before it came.
        if (this.#spare !== spare) return slot;
        this.#hasSpare = true;
        this.#fetcher.maxConnections = CONNECTIONS;
        return slot;
      },
      // None is free: one connection has to do.
      () => undefined,
    );
    this.#spare = spare;
  }

  #releaseSpare(): void {
    const spare = this.#spare;
    if (!spare) return;
    this.#cancelSpare();
    this.#spare = undefined;
    this.#hasSpare = false;
    this.#fetcher.maxConnections = 1;
    this.#fetcher.closeIdle();
    void spare.then((slot) => slot?.release());
  }
}

/** `over` is called when the body has been read, or is not wanted. */
function counted(response: FetchedResponse, over: () => void): FetchedResponse {
  async function* read(): AsyncGenerator<Buffer> {
    try {
      yield* response.body;
    } finally {
      over();
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    url: response.url,
    contentLength: response.contentLength,
    body: { [Symbol.asyncIterator]: read },
    close: () => {
      response.close();
      over();
    },
  };
}

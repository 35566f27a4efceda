import { StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsOrigin, HlsRequest } from '@streampool/hls';
import type { FailoverResult, PoolSnapshot } from '@streampool/streaming';
import type { HlsProxyOptions, HlsProxyStatistics } from './options.ts';

/** Delivers one provider's HLS stream to everybody who asks, as if they were one viewer. */
export class HlsProxy implements HlsOrigin {
  readonly closed: Promise<void>;
  readonly #options: HlsProxyOptions;
  #settle: () => void = () => {};

  /** Opens nothing: the first request does. */
  constructor(options: HlsProxyOptions) {
    this.#options = options;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** See {@link HlsOrigin.answer}. */
  answer(_request: HlsRequest, _signal: AbortSignal): Promise<HlsAnswer> {
    return Promise.reject(new StreampoolError('NOT_FOUND', 'nothing is delivered yet'));
  }

  /**
   * Changes over to another source. `index`: 0 is the primary URL, n the n-th failover URL; the next one by default.
   * @throws StreampoolError FAILOVER_NOT_CONFIGURED, INVALID_REQUEST, SWITCH_SUPERSEDED, or why the other source cannot be played: then everything is as it was
   */
  failover(_options: { readonly index?: number } = {}): Promise<FailoverResult> {
    return Promise.reject(new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the stream has no failover URL'));
  }

  /** As of a pool; `viewers` is 0: who watches is known to the audience. */
  snapshot(): PoolSnapshot {
    const { id: streamId, kind } = this.#options.spec;
    return {
      ...{ streamId, kind, state: 'idle', viewers: 0, lastAccess: 0, bytesIn: 0, bytesOut: 0 },
      ...{ failoverIndex: 0, failoverAttempts: 0, restarts: 0, ringBytes: 0 },
    };
  }

  statistics(): HlsProxyStatistics {
    const none = { hit: 0, shared: 0, miss: 0 };
    return {
      requests: { playlist: none, media: none, key: none, data: none },
      ...{ bytesIn: 0, bytesOut: 0, fetches: 0, failedFetches: 0, prefetches: 0 },
    };
  }

  /** Idempotent: ends fetches and gives the provider's slot back. */
  close(): Promise<void> {
    this.#settle();
    return this.closed;
  }
}

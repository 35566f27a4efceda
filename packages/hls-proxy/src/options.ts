import type {
  Clock,
  EmitEngineEvent,
  EngineSettings,
  ResolverUse,
  SourceHealth,
  StreamSpec,
} from '@streampool/streaming';
import type { FetchingClient } from '@streampool/upstream';
import type { HlsCache } from './cache/hls-cache.ts';

/** What must be known of a stream to deliver its provider's playlists. */
export type HlsProxySpec = Pick<
  StreamSpec,
  | 'id'
  | 'kind'
  | 'target'
  | 'failoverUrls'
  | 'resolverUrl'
  | 'metadata'
  | 'timeouts'
  | 'stickySession'
  | 'failbackAfterMs'
  | 'providerId'
  | 'priority'
>;

/** Durations in ms. */
export type HlsProxySettings = Pick<
  EngineSettings,
  'sharedStreamTimeoutMs' | 'streamTimeoutMs' | 'connectTimeoutMs' | 'maxAttempts'
> &
  Partial<Pick<EngineSettings, 'failbackAfterMs'>>;

export interface HlsProxyOptions {
  readonly spec: HlsProxySpec;
  readonly client: FetchingClient;
  /** The same on all nodes, so that a URL means the same on each of them; at least 16 characters. */
  readonly tokenSecret: string;
  readonly settings: HlsProxySettings;
  /** Shared by all streams of a process; one of its own by default. */
  readonly cache?: HlsCache;
  /** What all streams know of sources; by default this stream has only its own experience. */
  readonly health?: SourceHealth;
  /** Told of a resolver that is of no use. */
  readonly log?: ResolverUse['log'];
  /** Told of `pool_state`, `source_switched` and `noted`, as of a pool. Must not throw. */
  readonly emit?: EmitEngineEvent;
  readonly clock?: Clock;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
}

/** Since the stream began. Bytes are of bodies, decoded. */
export interface HlsProxyStatistics {
  /** Requests answered, by what was asked for and where the answer came from. */
  readonly requests: Readonly<Record<HlsResourceKind, Readonly<Record<CacheOutcome, number>>>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Requests made to providers. */
  readonly fetches: number;
  readonly failedFetches: number;
  readonly prefetches: number;
}

export type HlsResourceKind = 'playlist' | 'media' | 'key' | 'data';

/** `hit`: it was there. `shared`: somebody else had asked for it already. `miss`: it was fetched for this request. */
export type CacheOutcome = 'hit' | 'shared' | 'miss';

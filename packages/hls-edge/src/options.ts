import type { HlsOrigin, HlsResume } from '@streampool/hls';
import type {
  Clock,
  ClusterOptions,
  FailoverResult,
  PoolSnapshot,
  StreamEngine,
  StreamSpec,
} from '@streampool/streaming';
import type { Logger } from 'pino';

/** Sizes in bytes, times in ms. */
export interface EdgeSettings {
  /** What answers of owners may take up in memory, of all streams together. */
  readonly cacheBytes: number;
  /** A viewer that has not been heard of for this long has left; longer where segments are. */
  readonly viewerSilenceMs: number;
  /** What a player is kept waiting for a playlist that was known once; then it gets that one again. */
  readonly playlistPatienceMs: number;
  /** From a request to the first answer that a stream has, its start included. */
  readonly startTimeoutMs: number;
  /** Silence of an owner after which it counts as dead. */
  readonly stallMs: number;
  /** What nobody asked for, for this long, is forgotten. */
  readonly idleMs: number;
}

export const DEFAULT_EDGE_SETTINGS: EdgeSettings = {
  cacheBytes: 256 * 1024 * 1024,
  viewerSilenceMs: 10_000,
  playlistPatienceMs: 3_000,
  startTimeoutMs: 10_000,
  stallMs: 3_000,
  idleMs: 60_000,
};

/** Where a stream's playlists come from: the provider's own, cut from a pool of this program, or those of a network. */
export type HlsSource = 'playlist' | 'pool' | 'programmes';

/** A stream as the edge must know it. */
export interface HlsStream {
  readonly spec: StreamSpec;
  readonly source: HlsSource;
  /** What a network shows now, for whoever opens it. */
  readonly programme?: object;
  /** Its players want to be as close to live as can be: parts of segments for everybody. */
  readonly lowLatency?: boolean;
}

/** What plays a stream without a pool of the engine says of itself what a pool would say. */
export interface PlayedSource {
  snapshot(): PoolSnapshot;
  /** @throws StreampoolError as `StreamEngineApi.failover` does */
  failover(options: { index?: number }): Promise<FailoverResult>;
}

export interface OpenedOrigin {
  readonly origin: HlsOrigin;
  /** Absent: a pool of the engine plays the stream, and speaks for itself. */
  readonly source?: PlayedSource;
  /** What is asked of it now may differ from what it was opened for. */
  readonly update?: (stream: HlsStream) => void;
}

export interface HlsEdgeOptions {
  readonly engine: Pick<StreamEngine, 'adopt'>;
  /** Makes what delivers a stream at the node that owns it. It opens nothing before it is asked. */
  readonly open: (stream: HlsStream, how: { resume?: HlsResume }) => OpenedOrigin;
  readonly settings: EdgeSettings;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Absent: this process is on its own, and plays every stream itself. */
  readonly cluster?: ClusterOptions;
}

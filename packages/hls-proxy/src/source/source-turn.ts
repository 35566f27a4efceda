import type { Attempt, AttemptRecord } from '@streampool/streaming';
import type { PlaylistLoader } from './playlist-loader.ts';
import type { ProviderConnection } from './provider-connection.ts';

/** One source's time as what the stream is played from. Everything that was begun under it ends with it. */
export interface SourceTurn {
  readonly attempt: Attempt;
  /** 0 is the primary URL, n the n-th failover URL. */
  readonly index: number;
  readonly url: string;
  /** Counts the sources that have played: the same one again is the same. */
  era: number;
  readonly connection: ProviderConnection;
  readonly loader: PlaylistLoader;
  readonly record: AttemptRecord;
  /** Aborted with its end. */
  readonly signal: AbortSignal;
  readonly abort: () => void;
  readonly beganMs: number;
  hasPlayed: boolean;
  /** Segments in a row that could not be had although they are listed. */
  lostSegments: number;
}

import type { StreampoolError } from '@streampool/errors';
import type { SourceChoice } from './choice/source-choice.ts';
import type { Clock } from './clock.ts';
import type { StreamNote } from './notes.ts';
import type { Source, SourceProgress } from './source.ts';
import type { Lane, RunPolicy } from './source-run.ts';

/** How a chain judges its sources and how long it hopes. All times in ms. */
export interface ChainPolicy extends RunPolicy {
  /** A source that ran this long without fault clears the record of failures. */
  readonly stableMs: number;
  /** Failed attempts in a row at each source, after the chain was live, until that one is given up. */
  readonly maxAttempts: number;
  /** Before the same source is asked again. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  /** On an alternative for this long, the primary is tried again; never without it. */
  readonly failbackAfterMs?: number;
  /** How long the primary must deliver pictures, before it takes over again. */
  readonly probationMs: number;
}

export const DEFAULT_CHAIN_POLICY: ChainPolicy = {
  startMs: 10_000,
  stallMs: 3_000,
  accessPointMs: 15_000,
  stableMs: 30_000,
  maxAttempts: 12,
  backoff: { firstMs: 250, maxMs: 5_000 },
  probationMs: 5_000,
};

/** Which source to open: `index` 0 is the primary, n the n-th alternative. */
export interface Attempt {
  readonly index: number;
  /** Another source plays on until this one has a keyframe, so it need not hurry. */
  readonly beside: boolean;
  /** Its connection was cut a moment ago: its name is to be resolved anew. */
  readonly fresh: boolean;
  /** The chain has not looked at how the source is. */
  readonly isFirst: boolean;
}

/** What a lane tells the chain of its source. */
export interface LaneReports {
  /** What it sends is useless. */
  reject(error: StreampoolError): void;
  /** It sends, but nothing worth watching: to be left if there is another one that may be better. */
  fault(error: StreampoolError): void;
  /** From now on its bytes are what goes out. Called once. */
  tookOver(): void;
  /** What it is; of one that has yet to be placed, a relay. */
  kind(): Source['kind'];
}

export interface ChainEvents {
  /** A source is about to be opened: where its bytes shall go. Several may be open; which one goes out the lanes decide. */
  lane(reports: LaneReports): Lane;
  progress(progress: SourceProgress): void;
  /** For whoever explains gaps afterwards. */
  noted?(note: StreamNote): void;
  /** The running source was lost and another attempt follows. */
  lost(error: StreampoolError): void;
  /** Another source's bytes go out, after a loss or instead of one that still ran. `sourceGapMs`: from the last byte of the lost one. */
  recovered(info: { sourceGapMs: number; index: number; reason: string }): void;
  /** The content is complete. Final. */
  ended(): void;
  /** No hope left. Final. */
  failed(error: StreampoolError): void;
}

export interface ChainOptions {
  /** Number of alternatives: 1 + failover URLs. */
  readonly alternatives: number;
  /** Which one to begin with, however it is; by default the first that is believed to be well. */
  readonly first?: number;
  /** What is known of the sources beyond this chain. */
  readonly choice?: SourceChoice;
  readonly open: (attempt: Attempt) => Source;
  readonly policy: ChainPolicy;
  readonly events: ChainEvents;
  readonly clock: Clock;
  readonly random?: () => number;
}

export interface Replacement {
  /** Told with the switch. */
  readonly reason: string;
  /** The alternative to play; the one that plays now by default. */
  readonly index?: number;
  /** Where the provider allows no second connection: the first one is ended before. By default where an index is given. */
  readonly mayBreak?: boolean;
}

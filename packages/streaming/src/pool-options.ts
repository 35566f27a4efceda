import type { StreampoolError } from '@streampool/errors';
import type { Clock } from './clock.ts';
import type { DeliveryClock } from './delivery-clock.ts';
import type { SourceFaults } from './drill/index.ts';
import type { DetachReason, PoolState, StreamSpec, ViewerSnapshot } from './engine-api.ts';
import type { IntakeOptions } from './intake.ts';
import type { FoundMedia } from './media-finder.ts';
import type { StreamNote } from './notes.ts';
import type { PoolPlacement } from './relay/placements.ts';

/** Times in ms. */
export interface PoolSettings {
  /** How long a pool runs on without viewers. */
  readonly sharedStreamTimeoutMs: number;
  /** A viewer's socket without progress for this long is dropped. */
  readonly clientTimeoutMs: number;
  /** From the first viewer's request to the first access point. */
  readonly streamTimeoutMs: number;
  /** 0: no limit. */
  readonly maxViewers: number;
}

/** What a pool tells whoever keeps it. */
export interface PoolEvents {
  pool_state: (change: { from: PoolState; to: PoolState; reason: string }) => void;
  source_switched: (info: { reason: string; gapMs: number; failoverIndex: number }) => void;
  viewer_attached: (viewer: ViewerSnapshot) => void;
  viewer_detached: (viewer: ViewerSnapshot & { reason: DetachReason }) => void;
  viewer_skipped: (info: { clientId: string; bytesSkipped: number }) => void;
  noted: (note: StreamNote) => void;
}

export interface PoolOptions {
  readonly spec: StreamSpec;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly delivery: DeliveryClock;
  /** Turns for other nodes, whose viewers wait for theirs afterwards. */
  readonly relayDelivery?: DeliveryClock;
  /** Where the source is, in a cluster. */
  readonly placement?: PoolPlacement;
  /** Everything about the intake but its listeners, which are the pool's. */
  readonly intake: Omit<IntakeOptions, 'events' | 'clock'>;
  /** Settles when a previous pool of this stream is really gone: two at once would be two provider connections. */
  readonly after: Promise<void>;
  readonly events: PoolEvents;
  /** Called once, when the pool is final: nobody may join any more. Its source may still be closing. */
  readonly onFinal: () => void;
  /** Releases what the sources of this pool share (FFmpeg's input). */
  readonly closeInput?: () => Promise<void>;
  /** No source is played here: what they would share is not wanted for now. */
  readonly idleInput?: () => void;
  /** Changes the input's URL while FFmpeg reads on. False: that is not possible, and FFmpeg has to be replaced. */
  readonly switchInput?: (replacement: { reason: string; index: number }) => Promise<boolean>;
  /** Makes sources look broken, where somebody wants to see what happens. */
  readonly faults?: SourceFaults;
  /** The same for what detectors say of an input; of the pool's own sources by default. */
  readonly drillInput?: { isPossible(): boolean; report(error: StreampoolError): void };
  /** Which URL the input plays, where that is not the intake's own affair. */
  readonly inputStatus?: () => {
    index: number;
    restarts: number;
    lastError: string | undefined;
    media: FoundMedia | undefined;
  };
}

import { isStreampoolError, type StreampoolError } from '@streampool/errors';
import type { Replacement } from '../chain-options.ts';
import type { Clock } from '../clock.ts';
import type { RemotePlacement } from './ownership.ts';
import type { PoolPlacement } from './placements.ts';

/** Pauses between attempts to change over, ms: doubling. What plays goes on meanwhile. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export interface OwnerFollowerOptions {
  readonly placement: PoolPlacement;
  /** Makes before it breaks: see `SourceChain.replace`. */
  readonly replace: (replacement: Replacement) => Promise<void>;
  readonly clock: Clock;
  readonly onFailed: (error: StreampoolError) => void;
}

/**
 * Keeps a pool's source where the stream's owner is. Whenever the stream has another owner, the source that is right now
 * is made ready beside the one that plays, and takes over at a keyframe: that the cluster changes its mind is no gap.
 */
export class OwnerFollower {
  readonly #options: OwnerFollowerOptions;
  #wanted = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #isBusy = false;
  #cancelPause: () => void = () => {};
  #isPausing = false;
  #closed = false;

  constructor(options: OwnerFollowerOptions) {
    this.#options = options;
    options.placement.onMoved = (epoch) => this.follow(epoch + 1);
  }

  /** The stream is owned under this epoch now, here or elsewhere: what was placed under an older one makes way. Idempotent. */
  follow(epoch: number): void {
    if (epoch < this.#wanted || (epoch === this.#wanted && this.#isPausing)) return;
    this.#wanted = epoch;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#cancelPause();
    void this.#changeOver();
  }

  /**
   * Plays from that node from now on, which makes itself the owner when it is asked.
   * @throws StreampoolError why it does not: then everything is as it was
   */
  async handOver(place: RemotePlacement): Promise<void> {
    this.#cancelPause();
    this.#options.placement.sendNextTo(place);
    await this.#options.replace({ reason: 'HANDED_OVER' });
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancelPause();
  }

  async #changeOver(): Promise<void> {
    this.#isPausing = false;
    if (this.#isBusy || this.#closed || this.#isSettled) return;
    this.#isBusy = true;
    // Otherwise it is being placed just now, and learns of the owner by itself.
    if (this.#options.placement.newestEpoch !== undefined) await this.#tryToChangeOver();
    this.#isBusy = false;
    if (this.#closed) return;
    // Looked at again even where it went well: the answer may have been older than the question.
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    this.#cancelPause();
    this.#isPausing = true;
    this.#cancelPause = this.#options.clock.after(pauseMs, () => void this.#changeOver());
  }

  async #tryToChangeOver(): Promise<void> {
    const { replace, placement, onFailed } = this.#options;
    const reason = 'OWNER_CHANGED';
    try {
      placement.sendNextToOwner();
      // Where the provider allows one connection only, the owner waits for the one that is here.
      await replace({ reason, mayBreak: true });
      placement.report(reason);
    } catch (error) {
      if (!isStreampoolError(error) || this.#closed || this.#isSettled) return;
      onFailed(error);
      placement.report(reason, error);
    }
  }

  get #isSettled(): boolean {
    const { newestEpoch } = this.#options.placement;
    return newestEpoch !== undefined && newestEpoch >= this.#wanted;
  }
}

import { isStreampoolError } from '@streampool/errors';
import type { Claim, ClusterState, StreamDefinition } from '@streampool/state';
import type { StreamFigures } from './stream-reports.ts';

/** A stream that is ours. */
export interface Ownership {
  readonly streamId: string;
  readonly epoch: number;
  /** Kept so that a store that has lost its memory can be given it back. */
  readonly definition: StreamDefinition | undefined;
  /** The life of the store's data in which it is known to be ours; undefined until a beat has confirmed it. */
  generation: string | undefined;
  /** What the store was last told. */
  said: StreamFigures | undefined;
  /** Another worker played it until it became ours: its start here is none of the stream's. */
  continues: boolean;
  /** Until then it is kept although no pool runs: it was claimed ahead of its start. By the monotonic clock, ms. */
  keepUntilMs: number;
}

export interface OwnershipsOptions {
  readonly state: ClusterState;
  readonly worker: { readonly id: string; readonly host: string };
}

/** The streams this worker owns, by what the store has granted and not taken back. */
export class Ownerships {
  readonly #options: OwnershipsOptions;
  readonly #owned = new Map<string, Ownership>();
  #takeovers = 0;
  #granted = 0;
  #refused = 0;

  constructor(options: OwnershipsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#owned.size;
  }

  /** Streams granted so far because their owner was seen to die. */
  get takeovers(): number {
    return this.#takeovers;
  }

  /** Of streams that were not ours before. */
  get claims(): { granted: number; refused: number } {
    return { granted: this.#granted, refused: this.#refused };
  }

  get(streamId: string): Ownership | undefined {
    return this.#owned.get(streamId);
  }

  all(): Ownership[] {
    return [...this.#owned.values()];
  }

  /** @throws StreampoolError STREAM_NOT_FOUND, STATE_UNAVAILABLE */
  async claim(streamId: string, options: { deposes?: number; keepUntilMs?: number } = {}): Promise<Claim> {
    const { state, worker } = this.#options;
    const { deposes, keepUntilMs = 0 } = options;
    const claim = await state.claim(streamId, worker, deposes === undefined ? {} : { deposes });
    const known = this.#owned.get(streamId);
    if (!claim.granted) {
      this.#refused += 1;
      this.#owned.delete(streamId);
    } else if (known?.epoch === claim.epoch) known.keepUntilMs = Math.max(known.keepUntilMs, keepUntilMs);
    else {
      this.#granted += 1;
      if (deposes !== undefined) this.#takeovers += 1;
      const definition = known?.definition ?? (await state.getDefinition(streamId));
      this.#owned.set(streamId, {
        streamId,
        epoch: claim.epoch,
        definition,
        generation: undefined,
        said: undefined,
        continues: claim.continues === true,
        keepUntilMs,
      });
    }
    return claim;
  }

  /** Lets go of it, in the store too. It being lost already is as good. @throws StreampoolError STATE_UNAVAILABLE */
  async release(ownership: Ownership): Promise<void> {
    try {
      await this.#options.state.release(ownership.streamId, ownership.epoch);
    } catch (error) {
      if (!isStreampoolError(error, 'STALE_EPOCH')) throw error;
    }
    this.drop(ownership);
  }

  /** It is not ours any more. */
  drop(ownership: Ownership): void {
    if (this.#owned.get(ownership.streamId) === ownership) this.#owned.delete(ownership.streamId);
  }
}

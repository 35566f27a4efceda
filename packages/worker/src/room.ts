import type { PoolSnapshot } from '@streampool/streaming';
import type { Ownership } from './ownerships.ts';
import { isActive } from './stream-reports.ts';

export interface RoomOptions {
  /** The most streams, and the most FFmpeg processes; 0: no limit. */
  readonly capacity: number;
  readonly maxEncoders: number;
  readonly owned: () => readonly Pick<Ownership, 'streamId' | 'definition'>[];
  readonly pools: () => readonly Pick<PoolSnapshot, 'streamId' | 'kind' | 'state' | 'relayed'>[];
}

/**
 * What a worker may still take, as it knows at this moment: its record, which others choose by, is as old as its last
 * beat. A place is taken before the state is asked for the stream, so that viewers of different streams who come at once
 * do not all get the last one.
 */
export class Room {
  readonly #options: RoomOptions;
  /** Streams that are being claimed, and whether they need an FFmpeg. */
  readonly #taken = new Map<string, boolean>();

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** FFmpeg processes that run here, or are about to; a stream may have several (MAX_CLIENTS_PER_SHARED_STREAM). */
  get encoders(): number {
    const running = this.#runningHere().filter(({ kind }) => kind === 'transcode');
    const streams = new Set(running.map(({ streamId }) => streamId));
    const starting = this.#options
      .owned()
      .filter(({ streamId, definition }) => definition?.kind === 'transcode' && !streams.has(streamId));
    return running.length + starting.length;
  }

  /** Takes a place; call what is returned once the stream is owned, or is not. Undefined: there is none. */
  take(streamId: string, { needsEncoder }: { needsEncoder: boolean }): (() => void) | undefined {
    const { capacity, maxEncoders, owned } = this.#options;
    if (capacity === 0 && maxEncoders === 0) return () => {};
    const runsHere = this.#runningHere().some((pool) => pool.streamId === streamId);
    const isTaken = runsHere || this.#taken.has(streamId);
    if (!isTaken) {
      const mine = new Set(owned().map((ownership) => ownership.streamId));
      const coming = [...this.#taken].filter(([id]) => !mine.has(id));
      if (capacity > 0 && mine.size + coming.length >= capacity) return undefined;
      const comingEncoders = coming.filter(([, needs]) => needs).length;
      if (needsEncoder && maxEncoders > 0 && this.encoders + comingEncoders >= maxEncoders) return undefined;
      this.#taken.set(streamId, needsEncoder);
    }
    // What runs here has its place, and whoever took one first gives it back: others want no further one for the same stream.
    return isTaken ? () => {} : () => void this.#taken.delete(streamId);
  }
  #runningHere(): ReturnType<RoomOptions['pools']> {
    return this.#options.pools().filter(({ state, relayed }) => relayed !== true && isActive(state));
  }
}

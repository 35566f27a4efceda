import { isStreampoolError } from '@streampool/errors';
import type { Deposed, Ownership, Placement, RemotePlacement } from '@streampool/streaming';
import type { Logger } from 'pino';

export interface WhereaboutsOptions {
  readonly streamId: string;
  /** Absent: this process is on its own, and everything is here. */
  readonly ownership: Ownership | undefined;
  readonly log: Logger;
  /** What plays it here, if anything does; epoch 0: since the state is away. */
  readonly held: () => Held | undefined;
  /** What was held while the state was away: whose the stream is by the state. */
  readonly onSettled: (held: Held, place: Placement) => void;
}

export interface Held {
  readonly epoch: number;
  readonly origin: unknown;
}

/** Who owns one stream, as far as this node knows: from the state, from answers, and from those it saw die. */
export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  #place: RemotePlacement | undefined;
  #deposes: Deposed | undefined;
  /** Where the stream goes from here, though the cluster may not know yet. */
  #movedTo: { readonly place: RemotePlacement; readonly fromEpoch: number } | undefined;
  #newestEpoch = 0;
  #settling = false;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  /** The other node that is asked; undefined: it has to be found out, or it is this one. */
  get elsewhere(): RemotePlacement | undefined {
    return this.#place;
  }

  /** The epoch of the owner as far as it is known here; 0: it is not. */
  get epoch(): number {
    return this.#place?.epoch ?? this.#options.held()?.epoch ?? this.#newestEpoch;
  }

  /** Undefined: that could not be found out. @throws StreampoolError STREAM_NOT_FOUND, CAPACITY_EXHAUSTED */
  async find(signal: AbortSignal): Promise<Placement | undefined> {
    if (this.#place) return this.#place;
    const deposes = this.#deposes;
    try {
      const place = await this.acquire(deposes ? { deposes } : {});
      if (this.#deposes === deposes) this.#deposes = undefined;
      if (!place.here && !signal.aborted) this.#place = place;
      return place;
    } catch (error) {
      if (isStreampoolError(error, 'STREAM_NOT_FOUND') || isStreampoolError(error, 'CAPACITY_EXHAUSTED'))
        throw error;
      const { log, streamId } = this.#options;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ streamId, reason }, 'the owner of an HLS stream cannot be found out');
      return undefined;
    }
  }

  /** By the state, whatever this node believed. @throws StreampoolError as `Ownership.acquire` does */
  async acquire(options: { deposes?: Deposed }): Promise<Placement> {
    const { ownership, streamId, held } = this.#options;
    if (!ownership) return { here: true, epoch: 0 };
    // Played here while the state is away: players do not wait each time until that has been found out once more.
    if (held()?.epoch === 0 && !options.deposes) {
      this.#settle(ownership);
      return { here: true, epoch: 0 };
    }
    const place = await ownership.acquire(streamId, options);
    const moved = this.#movedTo;
    // Ours by what this node was told last, but it has been given away since.
    if (moved && place.here && place.epoch === moved.fromEpoch && !options.deposes)
      return { here: false, url: moved.place.url, owner: moved.place.owner, epoch: place.epoch + 1 };
    if (moved && (!place.here || place.epoch !== moved.fromEpoch)) this.#movedTo = undefined;
    this.#newestEpoch = Math.max(this.#newestEpoch, place.epoch);
    return place;
  }

  /** That node does not play it. `died`: whoever is asked next deposes it, which is how a takeover begins. */
  left(place: RemotePlacement, why: { readonly died: boolean; readonly reason: string }): void {
    if (this.#place === place) this.#place = undefined;
    if (!why.died) return;
    const { log, streamId } = this.#options;
    this.#deposes = { owner: place.owner, epoch: place.deposes ?? place.epoch };
    log.warn({ streamId, owner: place.owner, reason: why.reason }, 'the owner of an HLS stream was lost');
  }

  /** That node has answered under this epoch. False: another one has the stream by now. */
  answered(place: RemotePlacement, epoch: number): boolean {
    const { url, owner } = place;
    // While the state is away there are owners without an epoch: what counts is whom this node asks now.
    const isLate = this.#place !== place && epoch < this.#newestEpoch;
    if (this.#place === place || (this.#place && this.#place.epoch < epoch))
      this.#place = { here: false, url, owner, epoch };
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch);
    return !isLate;
  }

  /** It plays here from now on. */
  here(): void {
    this.#place = undefined;
  }

  /** It goes from here to that node. */
  movedTo(place: RemotePlacement, fromEpoch: number): void {
    this.#movedTo = { place, fromEpoch };
    this.#place = { here: false, url: place.url, owner: place.owner, epoch: place.epoch + 1 };
  }

  /** It is owned under this epoch now, here or elsewhere. */
  follow(epoch: number): void {
    if (this.#place && this.#place.epoch < epoch) this.#place = undefined;
    if (this.#movedTo && this.#movedTo.fromEpoch < epoch) this.#movedTo = undefined;
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch);
  }

  /** Finds out, beside what goes on, whose the stream is by the state. */
  #settle(ownership: Ownership): void {
    if (this.#settling) return;
    this.#settling = true;
    const { streamId, held, onSettled } = this.#options;
    const origin = held()?.origin;
    void ownership
      .acquire(streamId, {})
      .then(
        (place) => {
          const still = held();
          if (still && still.origin === origin && place.epoch !== 0) onSettled(still, place);
        },
        () => {},
      )
      .finally(() => {
        this.#settling = false;
      });
  }
}

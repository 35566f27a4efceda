import { isStreampoolError } from '@streampool/errors';
import type { ClusterState, HeartbeatReply, StreamReport } from '@streampool/state';
import type { EngineEvents, PoolSnapshot, StreamEngineApi } from '@streampool/streaming';
import type { Ownership, Ownerships } from './ownerships.ts';
import type { StoreTime } from './store-time.ts';
import { byStream, figuresOf, isActive, isNews, reportOf, type StreamFigures } from './stream-reports.ts';

export interface StreamSyncOptions {
  readonly engine: Pick<StreamEngineApi, 'pools'>;
  readonly state: ClusterState;
  readonly ownerships: Ownerships;
  readonly time: StoreTime;
  readonly workerId: string;
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly startTicks: (pid: number) => number | undefined;
  /** False: what runs here is never claimed. */
  readonly mayOwn: boolean;
  readonly onLost: (streamId: string, by: { owner: string; epoch: number }) => void;
  /** The state says that another worker owns what was played here, of whatever kind it is. */
  readonly onOthers: (streamId: string) => void;
  readonly onRemoved: (streamId: string) => void;
}

/** What one beat says of the streams. Give it back with `told` once the store has taken it. */
export interface StreamBatch {
  readonly reports: readonly StreamReport[];
  readonly said: ReadonlyMap<Ownership, StreamFigures>;
}

/**
 * Brings what is owned in line with what runs. Driven by levels, not by edges: every beat looks at the engine's pools as
 * they are, so that a missed event, a refused claim or an outage only delays what the next beat puts right.
 */
export class StreamSync {
  readonly #options: StreamSyncOptions;
  /** How streams ended that no pool plays any more, until the store has been told. */
  readonly #ends = new Map<string, StreamFigures>();
  /** Of whom we were told that they own a stream that runs here, by stream: said once per epoch. */
  readonly #refused = new Map<string, number>();

  constructor(options: StreamSyncOptions) {
    this.#options = options;
  }

  /** A pool's state has changed. True if nothing of that stream runs any more. */
  poolChanged({ streamId, to }: EngineEvents['pool_state'][0]): boolean {
    const snapshot = this.#played().get(streamId);
    if (snapshot && isActive(snapshot.state)) {
      this.#ends.delete(streamId);
      return false;
    }
    this.#refused.delete(streamId);
    // Between two sources a pool does not know where it plays, and may end there.
    const isOurs = snapshot && (this.#options.ownerships.get(streamId) || this.#isOwners(snapshot));
    if (isActive(to) || to === 'idle' || !isOurs) return true;
    this.#ends.set(streamId, { ...this.#figures(snapshot), state: to });
    return true;
  }

  /**
   * Claims what runs (or ran, and its end has yet to be told) without being ours. What was refused is tried again at
   * full beats only. @throws StreampoolError STATE_UNAVAILABLE
   */
  async claimWanted(full: boolean): Promise<void> {
    const { ownerships } = this.#options;
    const wanted = new Map<string, PoolSnapshot | undefined>();
    for (const streamId of this.#ends.keys()) wanted.set(streamId, undefined);
    for (const [streamId, snapshot] of this.#running()) {
      if (isActive(snapshot.state) && this.#isOwners(snapshot)) wanted.set(streamId, snapshot);
    }
    const unowned = [...wanted].filter(
      ([streamId]) => !ownerships.get(streamId) && (full || !this.#refused.has(streamId)),
    );
    await Promise.all(unowned.map(([streamId, snapshot]) => this.#claim(streamId, snapshot)));
  }

  batch(full: boolean): StreamBatch {
    const played = this.#played();
    const reports: StreamReport[] = [];
    const said = new Map<Ownership, StreamFigures>();
    for (const ownership of this.#options.ownerships.all()) {
      const snapshot = played.get(ownership.streamId);
      const figures =
        snapshot && isActive(snapshot.state)
          ? this.#isOwners(snapshot) && this.#figures(snapshot)
          : this.#ends.get(ownership.streamId);
      if (!figures) {
        // Claimed ahead of its start, or not played by the source itself yet: the lease is renewed, and that is all there is to say.
        if (full) reports.push({ streamId: ownership.streamId, epoch: ownership.epoch });
      } else if (full || isNews(figures, ownership.said)) {
        reports.push(reportOf(ownership, figures, ownership.said, this.#options.time));
        said.set(ownership, figures);
      }
    }
    return { reports, said };
  }

  /** The store has taken the batch, and has this to say to it. True: there is something to tell it soon. */
  async told(batch: StreamBatch, reply: HeartbeatReply): Promise<boolean> {
    const { ownerships } = this.#options;
    const stale = new Map(reply.stale.map((entry) => [entry.streamId, entry]));
    const missing = new Set(reply.missing);
    let more = false;
    for (const { streamId, epoch } of batch.reports) {
      const ownership = ownerships.get(streamId);
      if (ownership?.epoch !== epoch) continue;
      const newer = stale.get(streamId);
      if (newer) {
        ownerships.drop(ownership);
        more = this.#lost(streamId, newer) || more;
      } else if (missing.has(streamId)) {
        more = (await this.#missing(ownership, reply.generation)) || more;
      } else {
        const { generation } = ownership;
        ownership.generation = reply.generation;
        const figures = batch.said.get(ownership);
        if (generation !== undefined && generation !== reply.generation) {
          // Somebody else gave the stream back to a store that had lost it: what it was told before is gone.
          ownership.said = undefined;
          more = true;
        } else if (figures) ownership.said = figures;
      }
    }
    return more;
  }

  /** Gives up what has ended and was told of. True if there was anything. @throws StreampoolError STATE_UNAVAILABLE */
  async releaseEnded(): Promise<boolean> {
    const { ownerships, now } = this.#options;
    const running = this.#running();
    const ended = ownerships.all().filter((ownership) => {
      const snapshot = running.get(ownership.streamId);
      if (snapshot && isActive(snapshot.state)) return false;
      const end = this.#ends.get(ownership.streamId);
      return end ? end === ownership.said : ownership.keepUntilMs <= now();
    });
    await Promise.all(
      ended.map(async (ownership) => {
        await ownerships.release(ownership);
        if (this.#ends.get(ownership.streamId) === ownership.said) this.#ends.delete(ownership.streamId);
      }),
    );
    return ended.length > 0;
  }

  async #claim(streamId: string, snapshot: PoolSnapshot | undefined): Promise<void> {
    try {
      const claim = await this.#options.ownerships.claim(streamId);
      if (claim.granted) {
        this.#refused.delete(streamId);
        return;
      }
      this.#ends.delete(streamId);
      this.#options.onOthers(streamId);
      const isNewToUs = this.#refused.get(streamId) !== claim.epoch;
      if (snapshot) this.#refused.set(streamId, claim.epoch);
      // Viewers of a direct stream have connections of their own at any number of nodes: its owner only tells of it.
      if (snapshot && snapshot.kind !== 'direct' && isNewToUs) this.#options.onLost(streamId, claim);
    } catch (error) {
      if (!isStreampoolError(error, 'STREAM_NOT_FOUND')) throw error;
      // Removed, or not there yet: an end needs no telling, and what runs is claimed with the next full beat.
      this.#ends.delete(streamId);
      if (snapshot) this.#refused.set(streamId, -1);
    }
  }

  /** True if it is to be claimed again soon. */
  #lost(streamId: string, by: { owner: string; epoch: number }): boolean {
    const snapshot = this.#running().get(streamId);
    // Released in our name while we were silent, or claimed by us since: nobody else has it, so it can go on.
    if (by.owner === '' || by.owner === this.#options.workerId) return snapshot !== undefined;
    this.#ends.delete(streamId);
    this.#options.onOthers(streamId);
    if (!snapshot || !isActive(snapshot.state)) return false;
    this.#refused.set(streamId, by.epoch);
    if (snapshot.kind !== 'direct') this.#options.onLost(streamId, by);
    return false;
  }

  /** The store does not know a stream of ours. True if it was given back to it. */
  async #missing(ownership: Ownership, generation: string): Promise<boolean> {
    const { streamId, definition } = ownership;
    const { ownerships, state, onRemoved } = this.#options;
    const storeForgot = ownership.generation !== undefined && ownership.generation !== generation;
    if (storeForgot && definition) {
      await state.putStream(definition);
      // The next report, under the epoch we have, is adopted by a store that knows of none.
      ownership.generation = generation;
      ownership.said = undefined;
      return true;
    }
    ownerships.drop(ownership);
    this.#ends.delete(streamId);
    const snapshot = this.#running().get(streamId);
    if (snapshot && isActive(snapshot.state)) {
      this.#refused.set(streamId, -1);
      onRemoved(streamId);
    }
    return false;
  }

  /** A relay is its owner's to tell of. */
  #isOwners(snapshot: PoolSnapshot): boolean {
    return this.#options.mayOwn && snapshot.relayed !== true;
  }

  #running(): Map<string, PoolSnapshot> {
    return byStream(this.#options.engine.pools());
  }

  /** Whoever still asks for what a pool has left behind keeps the stream here, and no news of its end from anybody. */
  #played(): Map<string, PoolSnapshot> {
    return byStream(this.#options.engine.pools().filter(({ isCarriedOnly }) => !isCarriedOnly));
  }

  #figures(snapshot: PoolSnapshot): StreamFigures {
    return figuresOf(snapshot, this.#options.startTicks);
  }
}

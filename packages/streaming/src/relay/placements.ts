import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { EngineSettings } from '../engine-settings.ts';
import type { Source } from '../source.ts';
import type { ClusterOptions, RemotePlacement } from './ownership.ts';
import { type PlacedMemory, PlacedSource } from './placed-source.ts';

/** A node on the same network answers a connection at once or not at all. */
const CONNECT_MS = 1_000;
/** What an owner may take beyond its own patience with the source. */
const ANSWER_GRACE_MS = 500;

export interface PlacementsOptions {
  readonly cluster: ClusterOptions;
  readonly settings: EngineSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One pool's way to its sources. */
export interface PoolPlacement {
  open(own: () => Source): Source;
  /** The next source to be opened plays there. */
  sendNextTo(place: RemotePlacement): void;
  /** Whether what plays comes from another node, or nothing is known yet. */
  readonly relayed: boolean;
  /** No source is played here, nor being made ready. */
  readonly playsNoneHere: boolean;
  /** Under which what plays, or is being made ready, was placed; undefined while that is being found out. */
  readonly newestEpoch: number | undefined;
  /** Set by the pool: the owner says that another node owns the stream now. */
  onMoved: () => void;
}

/** How the pools of one process in a cluster come by their sources. */
export class Placements {
  readonly #options: PlacementsOptions;

  constructor(options: PlacementsOptions) {
    this.#options = options;
  }

  /** For a new pool. */
  of(streamId: string): PoolPlacement {
    const { cluster, settings, clock, log } = this.#options;
    const memory: PlacedMemory = {};
    const pool: PoolPlacements = new PoolPlacements(
      (open, place) =>
        new PlacedSource({
          ...{ streamId, cluster, memory, open, clock, log },
          ...(place && { place }),
          onMoved: () => pool.onMoved(),
          connectMs: CONNECT_MS,
          answerMs: settings.streamTimeoutMs + ANSWER_GRACE_MS,
          stallMs: settings.stallTimeoutMs,
        }),
    );
    return pool;
  }
}

/** The placed sources of one pool: one that plays, and perhaps one that is being made ready to take its place. */
class PoolPlacements implements PoolPlacement {
  readonly #create: (own: () => Source, place?: RemotePlacement) => PlacedSource;
  #sources: PlacedSource[] = [];
  #next: RemotePlacement | undefined;
  onMoved: () => void = () => {};

  constructor(create: (own: () => Source, place?: RemotePlacement) => PlacedSource) {
    this.#create = create;
  }

  open(own: () => Source): Source {
    const source = this.#create(own, this.#next);
    this.#next = undefined;
    this.#sources = [...this.#open, source];
    return source;
  }

  sendNextTo(place: RemotePlacement): void {
    this.#next = place;
  }

  get relayed(): boolean {
    return this.#open[0]?.place?.here !== true;
  }

  get playsNoneHere(): boolean {
    return this.#open.every(({ place }) => place?.here !== true);
  }

  get newestEpoch(): number | undefined {
    return this.#open.at(-1)?.place?.epoch;
  }

  /** In the order of their opening: what has been replaced is closed. */
  get #open(): PlacedSource[] {
    return this.#sources.filter(({ closed }) => !closed);
  }
}

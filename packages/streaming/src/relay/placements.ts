import type { StreampoolError } from '@streampool/errors';
import type { Tracer } from '@streampool/tracing';
import type { Logger } from 'pino';
import type { Attempt } from '../chain-options.ts';
import type { Clock } from '../clock.ts';
import type { EngineSettings } from '../engine-settings.ts';
import type { Source } from '../source.ts';
import type { ClusterOptions, RemotePlacement } from './ownership.ts';
import { type PlacedMemory, PlacedSource, type PlacedSourceOptions } from './placed-source.ts';

/** A node on the same network answers a connection at once or not at all. */
const CONNECT_MS = 1_000;
/** What an owner may take beyond its own patience with the source. */
const ANSWER_GRACE_MS = 500;

export interface PlacementsOptions {
  readonly cluster: ClusterOptions;
  readonly settings: EngineSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer?: Tracer;
}

/** One pool's way to its sources. */
export interface PoolPlacement {
  open(own: () => Source, attempt: Pick<Attempt, 'beside'>): Source;
  /** The next source to be opened plays there. */
  sendNextTo(place: RemotePlacement): void;
  /** The next source to be opened is for following the owner: no second one of those that play here is wanted for it. */
  sendNextToOwner(): void;
  /** Whether what plays comes from another node, or nothing is known yet. */
  readonly relayed: boolean;
  /** What plays is played here; while nothing plays: what played last was. */
  readonly isOurs: boolean;
  /** No source is played here, nor being made ready. */
  readonly playsNoneHere: boolean;
  /** Under which what plays, or is being made ready, was placed; undefined while that is being found out. */
  readonly newestEpoch: number | undefined;
  /** Tells operators that the pool moves to where the owner is, or (`error`) why it cannot yet. */
  report(reason: string, error?: StreampoolError): void;
  /** Set by the pool: who owned the stream under this epoch says that another node owns it now. */
  onMoved: (epoch: number) => void;
}

/** How the pools of one process in a cluster come by their sources. */
export class Placements {
  readonly #options: PlacementsOptions;

  constructor(options: PlacementsOptions) {
    this.#options = options;
  }

  /** For a new pool. */
  of(streamId: string): PoolPlacement {
    const { cluster, settings, clock, log, tracer } = this.#options;
    const memory: PlacedMemory = {};
    const pool: PoolPlacements = new PoolPlacements(
      (reason, error) => {
        if (error) log.warn({ streamId, reason, error: error.message }, 'the source cannot be moved yet');
        else log.info({ streamId, reason }, 'the source has moved to where the owner is');
      },
      ({ open, joinNext, place, awayOnly, onStays }) =>
        new PlacedSource({
          ...{ streamId, cluster, memory, open, joinNext, awayOnly, onStays, clock, log },
          ...(place && { place }),
          ...(tracer && { tracer }),
          onMoved: (epoch) => pool.onMoved(epoch),
          connectMs: CONNECT_MS,
          answerMs: settings.streamTimeoutMs + ANSWER_GRACE_MS,
          stallMs: settings.stallTimeoutMs,
        }),
    );
    return pool;
  }
}

interface SourceToPlace extends Pick<PlacedSourceOptions, 'open' | 'joinNext' | 'awayOnly' | 'onStays'> {
  readonly place: RemotePlacement | undefined;
}

/** The placed sources of one pool: one that plays, and perhaps one that is being made ready to take its place. */
class PoolPlacements implements PoolPlacement {
  readonly report: PoolPlacement['report'];
  readonly #create: (what: SourceToPlace) => PlacedSource;
  #sources: PlacedSource[] = [];
  #next: RemotePlacement | undefined;
  #isNextForOwner = false;
  #wasOurs = false;
  onMoved: (epoch: number) => void = () => {};

  constructor(report: PoolPlacement['report'], create: (what: SourceToPlace) => PlacedSource) {
    this.report = report;
    this.#create = create;
  }

  open(own: () => Source, { beside }: Pick<Attempt, 'beside'>): Source {
    const source: PlacedSource = this.#create({
      open: own,
      // Beside one that is still being waited for it may be the first: then nobody should wait for the next keyframe.
      joinNext: () => beside && this.#open.some((other) => other !== source && other.hasPlayed),
      place: this.#next,
      awayOnly: this.#isNextForOwner && beside && !this.relayed,
      onStays: (epoch) => this.#open[0]?.own(epoch),
    });
    this.#next = undefined;
    this.#isNextForOwner = false;
    this.#wasOurs = this.isOurs;
    this.#sources = [...this.#open, source];
    return source;
  }

  sendNextTo(place: RemotePlacement): void {
    this.#next = place;
  }

  sendNextToOwner(): void {
    this.#isNextForOwner = true;
  }

  get relayed(): boolean {
    return this.#open[0]?.place?.here !== true;
  }

  get isOurs(): boolean {
    const place = this.#open[0]?.place ?? this.#sources.findLast(({ place }) => place)?.place;
    return place?.here ?? this.#wasOurs;
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

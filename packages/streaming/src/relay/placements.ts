import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { EngineSettings } from '../engine-settings.ts';
import type { Source } from '../source.ts';
import type { ClusterOptions } from './ownership.ts';
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

/** One pool's way to its source. */
export interface PoolPlacement {
  open(own: () => Source): Source;
  readonly relayed: boolean;
}

/** The sources of one process in a cluster, by stream. */
export class Placements {
  readonly #options: PlacementsOptions;
  readonly #current = new Map<string, Set<PoolPlacements>>();

  constructor(options: PlacementsOptions) {
    this.#options = options;
  }

  /** For a new pool. `forget` it with the pool. */
  of(streamId: string): PoolPlacements {
    const { cluster, settings, clock, log } = this.#options;
    const memory: PlacedMemory = {};
    const pool: PoolPlacements = new PoolPlacements(
      (open) =>
        new PlacedSource({
          ...{ streamId, cluster, memory, open, clock, log },
          connectMs: CONNECT_MS,
          answerMs: settings.streamTimeoutMs + ANSWER_GRACE_MS,
          stallMs: settings.stallTimeoutMs,
        }),
      () => {
        const pools = this.#current.get(streamId);
        pools?.delete(pool);
        if (pools?.size === 0) this.#current.delete(streamId);
      },
    );
    const pools = this.#current.get(streamId) ?? new Set();
    this.#current.set(streamId, pools.add(pool));
    return pool;
  }

  disown(streamId: string): void {
    for (const pool of this.#current.get(streamId) ?? []) pool.source?.disown();
  }

  own(streamId: string, epoch: number): void {
    for (const pool of this.#current.get(streamId) ?? []) pool.source?.own(epoch);
  }
}

/** The placed sources of one pool, one after another. */
export class PoolPlacements implements PoolPlacement {
  readonly #create: (own: () => Source) => PlacedSource;
  readonly forget: () => void;
  source: PlacedSource | undefined;

  constructor(create: (own: () => Source) => PlacedSource, forget: () => void) {
    this.#create = create;
    this.forget = forget;
  }

  open(own: () => Source): Source {
    this.source = this.#create(own);
    return this.source;
  }

  get relayed(): boolean {
    return this.source?.relayed ?? true;
  }
}

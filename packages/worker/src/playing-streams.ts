import type { EngineEvents, StreamEngineApi } from '@streampool/streaming';

/** Which streams have a pool here: known without asking all pools for their figures, since it is asked for every viewer. */
export class PlayingStreams {
  /** Pools that have begun and not ended, by stream. */
  readonly #pools = new Map<string, number>();

  /** As long as the engine lives. */
  constructor(engine: Pick<StreamEngineApi, 'on'>) {
    engine.on('pool_state', (change) => this.#moved(change));
  }

  has(streamId: string): boolean {
    return this.#pools.has(streamId);
  }

  #moved({ streamId, from, to }: EngineEvents['pool_state'][0]): void {
    const isEnd = to === 'stopped' || to === 'failed';
    const change = Number(from === 'idle') - Number(isEnd);
    if (change === 0) return;
    const count = (this.#pools.get(streamId) ?? 0) + change;
    if (count > 0) this.#pools.set(streamId, count);
    else this.#pools.delete(streamId);
  }
}

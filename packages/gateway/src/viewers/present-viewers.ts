import type { StreamEngineApi } from '@streampool/streaming';

/**
 * Who is being served, by client id. The engine can only be asked by going through all of its viewers, which is too much
 * for each of ten thousand that come at once.
 */
export class PresentViewers {
  /** How many streams each one watches. */
  readonly #counts = new Map<string, number>();

  constructor(engine: Pick<StreamEngineApi, 'on'>) {
    engine.on('viewer_attached', ({ clientId }) => this.#add(clientId, 1));
    engine.on('viewer_detached', ({ clientId }) => this.#add(clientId, -1));
  }

  has(clientId: string): boolean {
    return this.#counts.has(clientId);
  }

  #add(clientId: string, change: number): void {
    const count = (this.#counts.get(clientId) ?? 0) + change;
    if (count > 0) this.#counts.set(clientId, count);
    else this.#counts.delete(clientId);
  }
}

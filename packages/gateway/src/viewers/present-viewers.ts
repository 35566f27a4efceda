import type { StreamEngineApi } from '@streampool/streaming';

/**
 * Who is being served, by client id. The engine can only be asked by going through all of its viewers, which is too much
 * for each of ten thousand that come at once.
 */
export class PresentViewers {
  /** How many streams each one watches, and when it came to the last of them, by this host's wall clock. */
  readonly #viewers = new Map<string, { readonly streams: number; readonly since: number }>();

  constructor(engine: Pick<StreamEngineApi, 'on'>) {
    engine.on('viewer_attached', ({ clientId, connectedAt }) => {
      const { streams = 0 } = this.#viewers.get(clientId) ?? {};
      this.#viewers.set(clientId, { streams: streams + 1, since: connectedAt });
    });
    engine.on('viewer_detached', ({ clientId }) => {
      const { streams, since } = this.#viewers.get(clientId) ?? { streams: 0, since: 0 };
      if (streams > 1) this.#viewers.set(clientId, { streams: streams - 1, since });
      else this.#viewers.delete(clientId);
    });
  }

  has(clientId: string): boolean {
    return this.#viewers.has(clientId);
  }

  /** When it came, wall-clock ms; undefined: it is not here. */
  since(clientId: string): number | undefined {
    return this.#viewers.get(clientId)?.since;
  }
}

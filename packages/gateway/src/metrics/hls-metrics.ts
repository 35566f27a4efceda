import type { HlsEdge } from '@streampool/hls-edge';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';

/** What players ask of HLS here, and where the answers are. Viewers are counted with all others. */
export class HlsMeter implements Meter {
  readonly #edge: Pick<HlsEdge, 'figures'>;

  constructor(edge: Pick<HlsEdge, 'figures'>) {
    this.#edge = edge;
  }

  register(registry: Registry): void {
    const registers = [registry];
    const figures = (): ReturnType<HlsEdge['figures']> => this.#edge.figures();
    new Counter({
      name: 'streampool_hls_requests_total',
      help: 'HLS requests that were answered.',
      labelNames: ['resource', 'outcome'],
      registers,
      collect() {
        this.reset();
        for (const [resource, outcomes] of figures().requests)
          for (const [outcome, count] of outcomes) this.inc({ resource, outcome }, count);
      },
    });
    new Gauge({
      name: 'streampool_hls_cache_bytes',
      help: 'Bytes of HLS that this node keeps of what owners of streams have answered.',
      registers,
      collect() {
        this.set(figures().cacheBytes);
      },
    });
  }
}

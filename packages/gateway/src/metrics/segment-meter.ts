import { Gauge, type Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';

/** What the segments take up that players can go back in. */
export class SegmentMeter implements Meter {
  readonly #snapshot: () => { readonly memoryBytes: number; readonly diskBytes: number };

  constructor(snapshot: () => { readonly memoryBytes: number; readonly diskBytes: number }) {
    this.#snapshot = snapshot;
  }

  register(registry: Registry): void {
    const gauge: Gauge<'store'> = new Gauge({
      name: 'streampool_hls_window_bytes',
      help: 'Bytes of HLS segments that this node has cut and keeps, in memory or on disk.',
      labelNames: ['store'],
      registers: [registry],
      collect: () => {
        const { memoryBytes, diskBytes } = this.#snapshot();
        gauge.set({ store: 'memory' }, memoryBytes);
        gauge.set({ store: 'disk' }, diskBytes);
      },
    });
  }
}

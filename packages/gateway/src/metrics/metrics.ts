import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { StreamEngineApi } from '@streampool/streaming';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { EngineMetrics } from './engine-metrics.ts';
import { type NodeFigures, NodeMetrics } from './node-metrics.ts';

/** prom-client's gauges that list every socket of the process at each scrape, under the names of counters. */
const COUNTS_OF_HANDLES = [
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
];

/** Everything `/metrics` shows, in a registry of its own: two gateways of one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly engine: EngineMetrics;
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #starts: Histogram<'kind' | 'outcome'>;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 20 });

  constructor(engine: StreamEngineApi, version: string, figures?: () => NodeFigures | undefined) {
    const registers = [this.registry];
    this.#loopDelay.enable();
    collectDefaultMetrics({ register: this.registry });
    for (const name of COUNTS_OF_HANDLES) this.registry.removeSingleMetric(name);
    this.engine = new EngineMetrics(engine, this.registry);
    if (figures) new NodeMetrics(engine, figures, this.registry);
    this.#requests = new Histogram({
      name: 'streampool_http_request_duration_seconds',
      help: 'Time to answer requests to the API. Streams are not among them.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#starts = new Histogram({
      name: 'streampool_viewer_start_duration_seconds',
      help: 'From a viewer’s request to the head of the response, by kind of stream and outcome (ok, left, redirected, or an error code).',
      labelNames: ['kind', 'outcome'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20],
      registers,
    });
    new Gauge({
      name: 'streampool_build_info',
      help: 'Always 1; the labels say what is running.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.version }, 1);
  }

  /** `route` is the path as it is documented, never the one that was asked for. */
  observeRequest(labels: { method: string; route: string; status: number }, ms: number): void {
    this.#requests.observe(labels, ms / 1000);
  }

  observeStart(labels: { kind: string; outcome: string }, ms: number): void {
    this.#starts.observe(labels, ms / 1000);
  }

  /** Since the process started; what a single scrape interval looked like is in `nodejs_eventloop_lag_p99_seconds`. */
  eventLoopDelayP99Ms(): number {
    return this.#loopDelay.percentile(99) / 1e6;
  }

  close(): void {
    this.#loopDelay.disable();
    this.engine.close();
    this.registry.clear();
  }
}

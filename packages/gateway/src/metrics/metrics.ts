import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { StreamEngineApi } from '@streampool/streaming';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';
import { EngineMetrics } from './engine-metrics.ts';
import { IncidentMetrics } from './incident-metrics.ts';
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

/** What `/metrics` shows beside the data plane and the API. */
export interface MoreFigures {
  /** Of this process’s standing; undefined until it has one. */
  readonly figures?: (() => NodeFigures | undefined) | undefined;
  readonly meters?: readonly Meter[] | undefined;
}

/** Everything `/metrics` shows, in a registry of its own: two gateways of one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  /** Of this process's standing; undefined until it has one. */
  readonly figures: () => NodeFigures | undefined;
  readonly engine: EngineMetrics;
  readonly #incidents: IncidentMetrics;
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #sizes: Histogram<'method' | 'route'>;
  readonly #starts: Histogram<'kind' | 'outcome'>;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 20 });

  constructor(engine: StreamEngineApi, version: string, more: MoreFigures = {}) {
    const { figures, meters = [] } = more;
    this.figures = figures ?? (() => undefined);
    const registers = [this.registry];
    this.#loopDelay.enable();
    collectDefaultMetrics({ register: this.registry });
    for (const name of COUNTS_OF_HANDLES) this.registry.removeSingleMetric(name);
    this.engine = new EngineMetrics(engine, this.registry);
    this.#incidents = new IncidentMetrics(engine, this.registry);
    if (figures) new NodeMetrics(engine, figures, this.registry);
    for (const meter of meters) meter.register(this.registry);
    this.#requests = new Histogram({
      name: 'streampool_http_request_duration_seconds',
      help: 'Time to answer requests to the API. Streams are not among them.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#sizes = new Histogram({
      name: 'streampool_http_response_size_bytes',
      help: 'Bytes of answers to requests to the API, as sent (compressed where they are), heads included.',
      labelNames: ['method', 'route'],
      buckets: [500, 1_000, 5_000, 20_000, 100_000, 500_000, 2_000_000, 10_000_000],
      registers,
    });
    this.#starts = new Histogram({
      name: 'streampool_viewer_start_duration_seconds',
      help: 'From a viewer’s request to the head of the response; for shared and transcoded streams that is the time to the first picture, which goes out with it.',
      labelNames: ['kind', 'outcome'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20],
      registers,
    });
    new Gauge({
      name: 'streampool_build_info',
      help: 'Always 1; the labels say what is running.',
      labelNames: ['version', 'runtime'],
      registers,
    }).set({ version, runtime: process.version }, 1);
  }

  /** `route` is the path as it is documented, never the one that was asked for. */
  observeRequest(labels: { method: string; route: string; status: number }, ms: number, bytes: number): void {
    this.#requests.observe(labels, ms / 1000);
    const { method, route } = labels;
    this.#sizes.observe({ method, route }, bytes);
  }

  observeStart(labels: { kind: string; outcome: string }, ms: number): void {
    this.#starts.observe(labels, ms / 1000);
  }

  /** Since the process started; what a single scrape interval looked like is in `nodejs_eventloop_lag_p99_seconds`. */
  eventLoopDelayP99Ms(): number {
    return this.#loopDelay.percentile(99) / 1e6;
  }

  /** Of HLS, since the process started. */
  segmentsServed(): number {
    return this.figures()?.segmentsServed ?? 0;
  }

  close(): void {
    this.#loopDelay.disable();
    this.engine.close();
    this.#incidents.close();
    this.registry.clear();
  }
}

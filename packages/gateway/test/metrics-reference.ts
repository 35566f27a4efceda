import type { Registry } from 'prom-client';
import {
  ClusterMeter,
  DiskMeter,
  HlsMeter,
  JobMeter,
  type Meter,
  type NodeFigures,
  SegmentMeter,
  StateMeter,
  WebhookMeter,
} from '../src/index.ts';
import { EventMeter } from '../src/metrics/event-metrics.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { SessionMeter } from '../src/metrics/session-metrics.ts';
import { FakeEngine } from './fake-engine.ts';

/** What labels say. A label that is not here has no place in a metric. */
const LABELS: Readonly<Record<string, string>> = {
  action: 'what the reaper did, such as `workers_removed`',
  backend: '`sqlite` or `redis`',
  cache: 'which cache',
  cause: '`source`: it sent nothing; `encoder`: FFmpeg put out nothing; `viewer`: its socket took nothing',
  direction: '`in`: from the owners of streams; `out`: to other nodes',
  directory: '`data`, `hls`, `broadcasts`, `recordings`',
  kind: 'kind of the stream: `direct`, `shared`, `transcode`',
  method: 'of HTTP',
  node_role: '`gateway` or `worker`',
  operation: 'of the state, such as `claim`',
  outcome: 'see the metric',
  provider: 'id of the provider, as configured',
  queue: 'name of the queue',
  reason: 'a word of the program; beyond 30 of them `other`',
  resource:
    'what a player asked for: `playlist`, `media` (segments, parts, maps) or `other` (keys and the like)',
  route: 'path as it is documented (`/streams/{id}`), never the one that was asked for',
  runtime: 'version of Node',
  source: '`provider`, `encoder` (FFmpeg) or `relay` (another node)',
  state: 'of a pool or of a queue’s jobs',
  status: 'HTTP status; of nodes `ready`, `draining`, `silent`',
  task: 'the job’s name, such as `reaper`',
  store: '`memory` or `disk`',
  type: 'name of a timeline’s entry, such as `source_lost`',
  version: 'of Streampool',
};

/** What `outcome` may be. */
const OUTCOMES: Readonly<Record<string, string>> = {
  streampool_cache_requests_total: '`hit`, `miss`',
  streampool_hls_requests_total:
    '`own` (this node owns the stream; what its origin keeps is not told here), `hit` (the answer was here), `shared` (the owner was being asked already), `miss`, `stale` (an older one: nobody owned the stream)',
  streampool_job_duration_seconds: '`ok`, `failed`, `timeout`',
  streampool_ownership_claims_total: '`granted`, `refused`',
  streampool_session_starts_total:
    '`new`, `again` (the same player on the same stream), `replacing`, `unconfirmed` (the state was away), `limit`, `replaced` (another player has its place), `ended` (by an operator)',
  streampool_state_operation_duration_seconds: '`ok`, `refused`, `unavailable`, `failed`',
  streampool_stream_start_duration_seconds: '`live`, `failed`, `stopped`',
  streampool_webhook_attempt_duration_seconds:
    '`delivered`, `retried`, `dead` (failed for the last time), `gone` (its webhook was removed)',
  streampool_viewer_start_duration_seconds: '`ok`, `left`, `redirected`, or an error code',
};

/** Every meter that a node can have. */
export function allMeters(): Meter[] {
  const sessions = new SessionMeter(() => 0);
  return [
    new StateMeter(),
    new WebhookMeter(),
    new JobMeter(),
    new DiskMeter({ data: '/' }),
    new SegmentMeter(() => ({ memoryBytes: 0, diskBytes: 0 })),
    new ClusterMeter(async () => []),
    sessions,
    new HlsMeter({
      figures: () => ({ cacheBytes: 0, cacheEntries: 0, streams: 0, requests: new Map() }),
    }),
    new EventMeter(() => 0, { figures: () => ({ dropped: 0 }) as never }),
  ];
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

/** All metrics of the program, in the order of their names; those of Node and the process are prom-client's. */
export function describedMetrics(registry: Registry): Described[] {
  const all = registry.getMetricsAsArray() as unknown as Described[];
  return all.filter(({ name }) => name.startsWith('streampool_')).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The registry of a node that has everything. */
export function fullRegistry(): { registry: Registry; close: () => void } {
  const figures = (): NodeFigures | undefined => undefined;
  const metrics = new Metrics(new FakeEngine(), '0.0.0-test', { figures, meters: allMeters() });
  return { registry: metrics.registry, close: () => metrics.close() };
}

/** The tables of docs/metrics.md. @throws Error for a label that nothing is said of */
export function referenceTable(registry: Registry): string {
  const metrics = describedMetrics(registry);
  const rows = metrics.map(({ name, type, labelNames, help }) => {
    const outcomes = labelNames.includes('outcome') ? ` \`outcome\`: ${OUTCOMES[name] ?? fail(name)}.` : '';
    const labels = labelNames.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${labels} | ${help}${outcomes} |`;
  });
  const used = new Set(metrics.flatMap(({ labelNames }) => labelNames));
  const labels = [...used].sort().map((label) => `| \`${label}\` | ${LABELS[label] ?? fail(label)} |`);
  return [
    '| Metric | Type | Labels | What it is |',
    '|---|---|---|---|',
    ...rows,
    '',
    '| Label | What it says |',
    '|---|---|',
    ...labels,
  ].join('\n');
}

function fail(what: string): never {
  throw new Error(`docs/metrics.md says nothing of ${what}: see metrics-reference.ts`);
}

import type { EngineEvents, StreamEngineApi } from '@streampool/streaming';
import { Counter, Histogram, type Registry } from 'prom-client';
import { boundedName } from './engine-metrics.ts';

const GAP_BUCKETS = [0.25, 0.5, 1, 2, 5, 10, 30, 60];
/** Streams and viewers whose sources are remembered; beyond it a failover counts as a switch only. */
const MOST_REMEMBERED = 20_000;

/** What went wrong and how long it took, from what the data plane says as it happens. */
export class IncidentMetrics {
  readonly #startedAt = new Map<string, number>();
  /** Of those that do not play their first source. */
  readonly #indexes = new Map<string, number>();
  readonly #reasons = {};
  readonly #now: () => number;
  readonly #starts: Histogram<'outcome'>;
  readonly #gaps: Histogram<'cause'>;
  readonly #failovers: Counter<'reason'>;
  readonly #incidents: Counter<'type'>;
  readonly #unsubscribe: (() => void)[];

  /** `now`: monotonic ms. */
  constructor(engine: StreamEngineApi, registry: Registry, now: () => number = () => performance.now()) {
    this.#now = now;
    const registers = [registry];
    this.#starts = new Histogram({
      name: 'streampool_stream_start_duration_seconds',
      help: 'From a shared or transcoded stream’s start to its first picture, or to its end without one.',
      labelNames: ['outcome'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20],
      registers,
    });
    this.#gaps = new Histogram({
      name: 'streampool_gap_seconds',
      help: 'Time without media in the middle of a stream, by who sent or took none.',
      labelNames: ['cause'],
      buckets: GAP_BUCKETS,
      registers,
    });
    this.#failovers = new Counter({
      name: 'streampool_failovers_total',
      help: 'Changes to another URL of a stream, back to the first one included, by why.',
      labelNames: ['reason'],
      registers,
    });
    this.#incidents = new Counter({
      name: 'streampool_incidents_total',
      help: 'What explains what viewers saw, by the names that timelines have for it.',
      labelNames: ['type'],
      registers,
    });
    this.#unsubscribe = [
      engine.on('pool_state', (change) => this.#onState(change)),
      engine.on('source_switched', (info) => this.#onSwitched(info)),
      engine.on('viewer_detached', ({ streamId, clientId }) =>
        this.#indexes.delete(ofViewer(streamId, clientId)),
      ),
      engine.on('noted', (note) => this.#onNote(note)),
    ];
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  #onState({ streamId, from, to }: EngineEvents['pool_state'][0]): void {
    if (from === 'idle' && to === 'starting') this.#startedAt.set(streamId, this.#now());
    else if (from === 'starting' && to !== 'draining') this.#onStarted(streamId, to);
    if (to === 'stopped' || to === 'failed') {
      this.#startedAt.delete(streamId);
      this.#indexes.delete(streamId);
    }
  }

  #onStarted(streamId: string, outcome: string): void {
    const startedAt = this.#startedAt.get(streamId);
    if (startedAt === undefined) return;
    this.#startedAt.delete(streamId);
    this.#starts.observe({ outcome }, (this.#now() - startedAt) / 1000);
  }

  #onSwitched({ streamId, clientId, reason, failoverIndex }: EngineEvents['source_switched'][0]): void {
    const key = clientId === undefined ? streamId : ofViewer(streamId, clientId);
    const before = this.#indexes.get(key) ?? 0;
    if (failoverIndex === before) return;
    if (failoverIndex === 0) this.#indexes.delete(key);
    else if (this.#indexes.size < MOST_REMEMBERED) this.#indexes.set(key, failoverIndex);
    this.#failovers.inc({ reason: boundedName(this.#reasons, reason) });
  }

  #onNote(note: EngineEvents['noted'][0]): void {
    this.#incidents.inc({ type: note.type });
    if (note.type === 'source_gap') this.#gaps.observe({ cause: 'source' }, note.gapMs / 1000);
    else if (note.type === 'encoder_gap') this.#gaps.observe({ cause: 'encoder' }, note.gapMs / 1000);
    else if (note.type === 'viewer_unblocked') this.#gaps.observe({ cause: 'viewer' }, note.blockedMs / 1000);
  }
}

function ofViewer(streamId: string, clientId: string): string {
  return `${streamId}/${clientId}`;
}

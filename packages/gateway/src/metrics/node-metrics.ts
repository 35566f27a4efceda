import type { StreamEngineApi } from '@streampool/streaming';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What a process knows of its standing among others. Counts are since it started. */
export interface NodeFigures {
  readonly worker: {
    readonly status: 'ready' | 'draining';
    readonly connected: boolean;
    /** In a row. */
    readonly unheardBeats: number;
    readonly ownedStreams: number;
    readonly encoders: number;
    /** 0: no limit. */
    readonly limits: { readonly maxStreams: number; readonly maxEncoders: number };
    readonly takeovers: number;
    readonly ownershipsLost: number;
    /** Streams that this process wanted to own: it may, or another one does. */
    readonly claims: { readonly granted: number; readonly refused: number };
    readonly pendingEvents: number;
    readonly droppedEvents: number;
    /** Of timelines. */
    readonly droppedEntries: number;
  };
  /** Connections to providers, whoever reads from them. */
  readonly upstream?: {
    readonly openConnections: number;
    readonly totalConnections: number;
    readonly totalBytes: number;
    readonly heldBytes: number;
  };
  /** HLS segments that viewers were given. */
  readonly segmentsServed?: number;
  /** Sources that are left alone for a while, as this process knows them. */
  readonly openBreakers?: number;
  readonly caches?: readonly {
    readonly name: string;
    readonly hits: number;
    readonly misses: number;
  }[];
  /** Connections to providers that allow only so many, as this process has them. */
  readonly providers?: readonly {
    readonly id: string;
    readonly maxConnections: number;
    readonly held: number;
    readonly refusals: number;
    readonly handOvers: number;
    readonly preemptions: number;
  }[];
  /** Absent where no jobs run. */
  readonly jobs?: {
    readonly runs: readonly { readonly name: string; readonly runs: number; readonly failures: number }[];
    /** What the reaper did, by the names of its actions. */
    readonly reaped: Readonly<Record<string, number>>;
    /** FFmpeg processes that outlived their ownership. */
    readonly orphansKilled: number;
  };
}

const ACTIVE: ReadonlySet<string> = new Set(['starting', 'live', 'switching', 'draining']);

/** Figures of a process as a part of a cluster. They are looked up when somebody scrapes, and cost nothing else. */
export class NodeMetrics {
  readonly #registry: Registry;

  /** `figures` is undefined until the process has joined. */
  constructor(
    engine: Pick<StreamEngineApi, 'pools'>,
    figures: () => NodeFigures | undefined,
    registry: Registry,
  ) {
    this.#registry = registry;
    this.#relays(engine);
    this.#upstream(figures);
    const worker = (): NodeFigures['worker'] | undefined => figures()?.worker;
    this.#providers(figures);
    const jobs = (): NodeFigures['jobs'] => figures()?.jobs;
    this.#counter(
      'streampool_ownership_claims',
      'Streams that this process asked the state to own; refused: another node does, and plays it for this one.',
      () => {
        const claims = worker()?.claims;
        return claims && Object.entries(claims).map(([outcome, count]) => [{ outcome }, count]);
      },
      ['outcome'],
    );
    this.#gauge(
      'streampool_owned_streams',
      'Streams whose source this worker plays for the whole cluster.',
      () => one(worker()?.ownedStreams),
    );
    this.#gauge('streampool_encoders', 'FFmpeg processes that this worker runs, or is about to.', () =>
      one(worker()?.encoders),
    );
    this.#gauge(
      'streampool_most_streams',
      'Streams that this worker owns at most (MAX_STREAMS); absent where there is no limit.',
      () => one(worker()?.limits.maxStreams || undefined),
    );
    this.#gauge(
      'streampool_most_encoders',
      'FFmpeg processes that this worker runs at most (MAX_ENCODERS); absent where there is no limit.',
      () => one(worker()?.limits.maxEncoders || undefined),
    );
    this.#gauge('streampool_draining', '1 while this process takes no new streams, else 0.', () =>
      one(worker() && Number(worker()?.status === 'draining')),
    );
    this.#gauge('streampool_state_connected', '1 while the state hears this process, else 0.', () =>
      one(worker() && Number(worker()?.connected)),
    );
    this.#gauge('streampool_state_unheard_beats', 'Heartbeats in a row that the state did not hear.', () =>
      one(worker()?.unheardBeats),
    );
    this.#gauge('streampool_state_pending_events', 'Events that wait to be told to the state.', () =>
      one(worker()?.pendingEvents),
    );
    this.#counter('streampool_state_dropped_events', 'Events that waited too long to be told.', () =>
      one(worker()?.droppedEvents),
    );
    this.#counter('streampool_timeline_dropped_entries', 'Entries of timelines that were never told.', () =>
      one(worker()?.droppedEntries),
    );
    this.#counter('streampool_takeovers', 'Streams taken over because their owner was seen to die.', () =>
      one(worker()?.takeovers),
    );
    this.#counter(
      'streampool_ownerships_lost',
      'Streams that went to another owner while this worker played them.',
      () => one(worker()?.ownershipsLost),
    );
    this.#counter(
      'streampool_job_runs',
      'Runs of background jobs on this process.',
      () => jobs()?.runs.map(({ name, runs }) => [{ task: name }, runs]),
      ['task'],
    );
    this.#counter(
      'streampool_job_failures',
      'Runs of background jobs that failed.',
      () => jobs()?.runs.map(({ name, failures }) => [{ task: name }, failures]),
      ['task'],
    );
    this.#counter(
      'streampool_reaper_actions',
      'What this process cleared away of dead nodes, by what it did.',
      () => Object.entries(jobs()?.reaped ?? {}).map(([action, count]) => [{ action }, count]),
      ['action'],
    );
    this.#counter(
      'streampool_orphans_killed',
      'FFmpeg processes of this host ended because they had outlived their ownership.',
      () => one(jobs()?.orphansKilled),
    );
  }

  #providers(figures: () => NodeFigures | undefined): void {
    type Provider = NonNullable<NodeFigures['providers']>[number];
    const each = (value: (provider: Provider) => number) => (): Sample[] | undefined =>
      figures()?.providers?.map((provider) => [{ provider: provider.id }, value(provider)]);
    this.#gauge(
      'streampool_provider_slots_used',
      'Connections of this process to a provider that allows only so many; the sum over all processes is what counts.',
      each(({ held }) => held),
      ['provider'],
    );
    this.#gauge(
      'streampool_provider_slots_max',
      'Connections that the provider allows to all processes together.',
      each(({ maxConnections }) => maxConnections),
      ['provider'],
    );
    this.#counter(
      'streampool_provider_refusals',
      'Connections that this process wanted while the provider had none left.',
      each(({ refusals }) => refusals),
      ['provider'],
    );
    this.#counter(
      'streampool_provider_hand_overs',
      'Connections that came here from a stream that nobody watched, or whose viewer zapped.',
      each(({ handOvers }) => handOvers),
      ['provider'],
    );
    this.#counter(
      'streampool_provider_preemptions',
      'Connections that came here from a stream of a lower priority.',
      each(({ preemptions }) => preemptions),
      ['provider'],
    );
  }

  #relays(engine: Pick<StreamEngineApi, 'pools'>): void {
    this.#gauge(
      'streampool_relays',
      'Relay connections in use: in, from the owners of streams; out, to other nodes.',
      () => {
        const pools = engine.pools();
        const incoming = pools.filter(({ relayed, state }) => relayed === true && ACTIVE.has(state)).length;
        const outgoing = pools.reduce((sum, { relays = 0 }) => sum + relays, 0);
        return [
          [{ direction: 'in' }, incoming],
          [{ direction: 'out' }, outgoing],
        ];
      },
      ['direction'],
    );
  }

  #upstream(figures: () => NodeFigures | undefined): void {
    const upstream = (): NodeFigures['upstream'] => figures()?.upstream;
    this.#gauge('streampool_upstream_connections', 'Connections to providers that are open.', () =>
      one(upstream()?.openConnections),
    );
    this.#counter('streampool_upstream_connections', 'Connections to providers ever opened.', () =>
      one(upstream()?.totalConnections),
    );
    this.#counter(
      'streampool_upstream_received_bytes',
      'Bytes read from providers, whatever for: media, playlists, what FFmpeg reads, tests.',
      () => one(upstream()?.totalBytes),
    );
    this.#gauge(
      'streampool_upstream_held_bytes',
      'Memory of bytes from providers that slow readers have not taken yet.',
      () => one(upstream()?.heldBytes),
    );
    this.#gauge(
      'streampool_open_breakers',
      'Sources that are left alone for a while because they failed, as far as this process knows.',
      () => one(figures()?.openBreakers),
    );
    this.#counter(
      'streampool_cache_requests',
      'Questions that a cache of this process could answer (hit) or had to pass on (miss).',
      () =>
        figures()?.caches?.flatMap(({ name, hits, misses }): Sample[] => [
          [{ cache: name, outcome: 'hit' }, hits],
          [{ cache: name, outcome: 'miss' }, misses],
        ]),
      ['cache', 'outcome'],
    );
  }

  #gauge(name: string, help: string, values: Values, labelNames: readonly string[] = []): void {
    const registers = [this.#registry];
    const gauge: Gauge<string> = new Gauge({
      ...{ name, help, registers, labelNames },
      collect: () => {
        gauge.reset();
        // Without labels it would be 0 again: a figure that nobody has is shown by nobody.
        if (labelNames.length === 0) gauge.remove();
        for (const [labels, value] of values() ?? []) gauge.set(labels, value);
      },
    });
  }

  /** Of a count that is kept elsewhere. */
  #counter(name: string, help: string, values: Values, labelNames: readonly string[] = []): void {
    const registers = [this.#registry];
    const counter: Counter<string> = new Counter({
      ...{ name: `${name}_total`, help, registers, labelNames },
      collect: () => {
        counter.reset();
        if (labelNames.length === 0) counter.remove();
        for (const [labels, value] of values() ?? []) counter.inc(labels, value);
      },
    });
  }
}

type Sample = readonly [labels: Record<string, string>, value: number];
/** Nothing is shown of what is undefined. */
type Values = () => readonly Sample[] | undefined;

function one(value: number | undefined): Sample[] | undefined {
  return value === undefined ? undefined : [[{}, value]];
}

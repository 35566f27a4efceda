import type { ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { Tracer } from '@streampool/tracing';
import type { UpstreamClient } from '@streampool/upstream';
import type { Logger } from 'pino';
import { type EmitEngineEvent, type StreamCarrier, withCarried } from './carrier.ts';
import { Breakers } from './choice/breakers.ts';
import type { SourceHealth } from './choice/source-health.ts';
import { type Clock, systemClock } from './clock.ts';
import { withHolder } from './connection-holder.ts';
import { SampleDecoder, Watching } from './detection/index.ts';
import { DirectViewers } from './direct-viewers.ts';
import {
  type DrillRequest,
  type DrillResult,
  type GapMeasurement,
  type MeasuredViewer,
  measureGaps,
} from './drill/index.ts';
import type {
  Dismissal,
  EngineEvents,
  FailoverResult,
  PoolSnapshot,
  StreamEngineApi,
  StreamSpec,
  ViewerIdentity,
  ViewerRequest,
  ViewerSnapshot,
} from './engine-api.ts';
import type { EngineSettings } from './engine-settings.ts';
import { Events } from './events.ts';
import type { Pool } from './pool.ts';
import { PoolFactory } from './pool-factory.ts';
import type { ClusterOptions, RemotePlacement } from './relay/ownership.ts';
import { Placements } from './relay/placements.ts';
import type { RelayRequest } from './relay/relay-feed.ts';
import type { Tap, TapSink } from './tap/tap.ts';
import type { InputDoor } from './transcode/transcode-input.ts';

export interface StreamEngineOptions {
  readonly settings: EngineSettings;
  readonly client: UpstreamClient;
  readonly door: InputDoor;
  readonly log: Logger;
  readonly clock?: Clock;
  /** How sources are, in the eyes of all streams; by default what this engine sees. */
  readonly health?: SourceHealth;
  /** Absent: this process is on its own, and plays every stream itself. */
  readonly cluster?: ClusterOptions;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
}

/** The data plane of one process: which pools run, and which viewer belongs to which. */
export class StreamEngine implements StreamEngineApi {
  readonly #events: Events<EngineEvents>;
  readonly #clock: Clock;
  readonly #deliveryIntervalMs: number;
  readonly #factory: PoolFactory;
  readonly #direct: DirectViewers;
  readonly #decoder: SampleDecoder;
  /** Pools that can be joined, by stream; more than one only at the limit of viewers per pool. */
  readonly #pools = new Map<string, Set<Pool>>();
  /** Final pools whose provider connection or process may still be there. */
  readonly #closing = new Map<string, Set<Promise<void>>>();
  readonly #carriers = new Set<StreamCarrier>();
  #closed: Promise<void> | undefined;

  constructor(options: StreamEngineOptions) {
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#deliveryIntervalMs = options.settings.deliveryIntervalMs;
    this.#events = new Events((error) =>
      options.log.error({ err: error }, 'a listener of the engine failed'),
    );
    const { cluster } = options;
    const placements = cluster && new Placements({ ...options, cluster, clock });
    this.#decoder = new SampleDecoder({ ffmpegPath: options.settings.ffmpegPath });
    this.#factory = new PoolFactory({
      ...options,
      clock,
      watching: new Watching({ settings: options.settings.detection, decoder: this.#decoder, clock }),
      health: options.health ?? new Breakers({ clock }),
      ...(placements && { placements }),
    });
    this.#direct = new DirectViewers({
      ...options,
      clock,
      emit: (event, ...args) => this.#events.emit(event, ...args),
    });
  }

  /** Speaks for what this carrier has from now on, until the engine is closed, which closes it. */
  adopt(carrier: StreamCarrier): EmitEngineEvent {
    this.#carriers.add(carrier);
    return (event, ...args) => this.#events.emit(event, ...args);
  }

  async watch(spec: StreamSpec, viewer: ViewerRequest): Promise<void> {
    if (this.#closed)
      throw new StreampoolError('SHUTTING_DOWN', 'the server is shutting down', { retryAfterSeconds: 5 });
    // Its 'close' has been and would be waited for in vain.
    if (hasLeft(viewer.res)) return;
    try {
      if (spec.kind === 'direct') await this.#direct.watch(spec, viewer);
      else await this.#poolFor(spec, viewer.clientId).join(viewer);
    } catch (error) {
      if (isStreampoolError(error) && !hasLeft(viewer.res)) {
        const { code, message } = error;
        const { clientId } = viewer;
        this.#events.emit('noted', {
          ...{ type: 'viewer_refused', streamId: spec.id, clientId, code, detail: message },
        });
      }
      throw error;
    }
  }

  /**
   * Plays a stream that this node owns to another node. Resolves once the response head has been written.
   * @throws StreampoolError as `watch` does
   */
  async relay(spec: StreamSpec, request: RelayRequest): Promise<void> {
    if (this.#closed) throw new StreampoolError('SHUTTING_DOWN', 'the server is shutting down');
    if (spec.kind === 'direct')
      throw new StreampoolError('INVALID_REQUEST', 'a direct stream is not relayed');
    if (hasLeft(request.res)) return;
    this.follow(spec.id, request.epoch);
    const [pool = this.#createPool(spec)] = this.#pools.get(spec.id) ?? [];
    await pool.relay(request);
  }

  /**
   * Reads a stream within this process: whole packets as they enter the ring of its pool, from the oldest access point on
   * that the ring holds. It counts as no viewer, but the pool runs as long as the tap is open. The sink may be called
   * before this resolves; that the stream cannot be opened is told to it.
   * @throws StreampoolError SHUTTING_DOWN, INVALID_REQUEST (a direct stream)
   */
  async tap(spec: StreamSpec, sink: TapSink): Promise<Tap> {
    if (this.#closed)
      throw new StreampoolError('SHUTTING_DOWN', 'the server is shutting down', { retryAfterSeconds: 5 });
    if (spec.kind === 'direct')
      throw new StreampoolError('INVALID_REQUEST', 'a direct stream has no pool that could be read');
    const [pool = this.#createPool(spec)] = this.#pools.get(spec.id) ?? [];
    return pool.tap(sink);
  }

  /**
   * A stream is owned under this epoch now, here or elsewhere: what plays it here moves to where its owner is, without a
   * viewer noticing.
   */
  follow(streamId: string, epoch: number): void {
    for (const pool of [...(this.#pools.get(streamId) ?? [])]) pool.follow(epoch);
    for (const carrier of this.#carriers) carrier.follow(streamId, epoch);
  }

  /**
   * Makes another node the owner of a stream that plays here: that node is asked for it, and when its pictures are here
   * they take the place of ours, and other nodes that play from here are told to change over.
   * @throws StreampoolError why it did not work; then it plays here as before
   */
  async handOver(streamId: string, place: RemotePlacement): Promise<void> {
    await Promise.all([...(this.#pools.get(streamId) ?? [])].map((pool) => pool.handOver(place)));
    for (const carrier of this.#carriers) await carrier.handOver(streamId, place);
  }

  async failover(streamId: string, { index }: { index?: number } = {}): Promise<FailoverResult> {
    const pools = [...(this.#pools.get(streamId) ?? [])];
    let [result = await this.#direct.failover(streamId, index)] = await Promise.all(
      pools.map((pool) => pool.failover(index)),
    );
    for (const carrier of this.#carriers) result ??= await carrier.failover(streamId, index);
    if (!result) throw new StreampoolError('STREAM_NOT_PLAYING', 'nobody watches the stream at this node');
    return result;
  }

  async drill(streamId: string, request: DrillRequest): Promise<DrillResult> {
    const { fault, seconds } = request;
    const pools = [...(this.#pools.get(streamId) ?? [])];
    const [first] = pools;
    if (!first && this.#direct.viewers(streamId).length === 0)
      throw new StreampoolError('STREAM_NOT_PLAYING', 'nobody watches the stream at this node');
    const slateMs = (): number => pools.reduce((sum, pool) => sum + (pool.snapshot().slateMs ?? 0), 0);
    const slateBeforeMs = slateMs();
    let switched = false;
    const unsubscribe = this.on('source_switched', (event) => {
      switched ||= event.streamId === streamId;
    });
    const measurement = this.measureGaps(streamId);
    const ofRelays = this.#measure(
      streamId,
      pools.flatMap((pool) => pool.measuredRelays()),
    );
    this.#events.emit('noted', { streamId, type: 'drill_started', fault, seconds });
    let failoverIndex = 0;
    try {
      const [direct] = await Promise.all([
        this.#direct.drill(streamId, request),
        ...pools.map((pool) => pool.drill(request)),
      ]);
      failoverIndex = direct?.failoverIndex ?? first?.snapshot().failoverIndex ?? 0;
    } finally {
      unsubscribe();
      // All viewers may be at other nodes: those get what the relays got.
      const longestGapMs = Math.max(0, ...measurement.take().gapsMs, ...ofRelays.take().gapsMs);
      this.#events.emit('noted', { streamId, type: 'drill_ended', fault, longestGapMs });
    }
    return {
      switched,
      failoverIndex,
      told: fault === 'black' || fault === 'silence',
      slateMs: Math.round(slateMs() - slateBeforeMs),
      viewers: measurement.take(),
    };
  }

  measureGaps(streamId: string): GapMeasurement {
    const pools = [...(this.#pools.get(streamId) ?? [])];
    return this.#measure(streamId, [
      ...pools.flatMap((pool) => pool.measured()),
      ...this.#direct.measured(streamId),
    ]);
  }

  #measure(streamId: string, viewers: readonly MeasuredViewer[]): GapMeasurement {
    return measureGaps(viewers, {
      now: () => this.#clock.now(),
      intervalMs: this.#deliveryIntervalMs,
      onDetached: (listener) =>
        this.on('viewer_detached', (viewer) => {
          if (viewer.streamId === streamId) listener(viewer.clientId, viewer.reason);
        }),
    });
  }

  async stop(streamId: string): Promise<number> {
    const pools = [...(this.#pools.get(streamId) ?? [])];
    const viewers = pools.reduce((sum, pool) => sum + pool.viewerCount, 0);
    const carried = Promise.all([...this.#carriers].map((carrier) => carrier.stop(streamId, 'stopped')));
    const [direct] = await Promise.all([
      this.#direct.stop(streamId),
      ...pools.map((pool) => pool.stop('stopped by request')),
      ...(this.#closing.get(streamId) ?? []),
    ]);
    return (await carried).reduce((sum, count) => sum + count, viewers + direct);
  }

  /** Ends what plays a stream here, but not what delivers it further: that may ask for it anew. Resolves once its source is gone. */
  async endPools(streamId: string, reason: string): Promise<void> {
    await Promise.all([
      ...[...(this.#pools.get(streamId) ?? [])].map((pool) => pool.stop(reason)),
      ...(this.#closing.get(streamId) ?? []),
    ]);
  }

  disconnect(clientId: string, how: Dismissal = {}): boolean {
    let found = this.#direct.disconnect(clientId);
    for (const pool of this.#allPools()) found = pool.disconnect(clientId) || found;
    for (const carrier of this.#carriers) found = carrier.disconnect(clientId, how) || found;
    return found;
  }

  pools(streamId?: string): PoolSnapshot[] {
    const pools = streamId === undefined ? this.#allPools() : (this.#pools.get(streamId) ?? []);
    const own = [...[...pools].map((pool) => pool.snapshot()), ...this.#direct.snapshots(streamId)];
    if (this.#carriers.size === 0) return own;
    return withCarried(
      own,
      [...this.#carriers].flatMap((carrier) => carrier.pools(streamId)),
    );
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    const pools = streamId === undefined ? this.#allPools() : (this.#pools.get(streamId) ?? []);
    return [
      ...[...pools].flatMap((pool) => pool.viewers()),
      ...this.#direct.viewers(streamId),
      ...this.#carried(streamId),
    ];
  }

  /** Who watches a stream here through a pool or a carrier, or waits for its first picture. */
  audience(streamId: string): (ViewerIdentity & { readonly waiting: boolean })[] {
    const ofPools = [...(this.#pools.get(streamId) ?? [])].flatMap((pool) => [
      ...pool.viewers().map((viewer) => ({ ...identityOf(viewer), waiting: false })),
      ...pool.waitingViewers().map((viewer) => ({ ...identityOf(viewer), waiting: true })),
    ]);
    const carried = this.#carried(streamId).map((viewer) => ({ ...identityOf(viewer), waiting: false }));
    const begin = [...this.#carriers].flatMap((carrier) => carrier.waiting?.(streamId) ?? []);
    return [...ofPools, ...carried, ...begin.map((viewer) => ({ ...identityOf(viewer), waiting: true }))];
  }

  on<K extends keyof EngineEvents>(event: K, listener: (...args: EngineEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#carriers].map((carrier) => carrier.close()));
    const stopped = [...this.#allPools()].map((pool) => pool.stop('shutdown', 'shutdown'));
    await Promise.all([
      ...stopped,
      this.#direct.close(),
      this.#decoder.close(),
      ...[...this.#closing.values()].flatMap((closing) => [...closing]),
    ]);
    await this.#factory.close();
  }

  /** The pool this viewer joins: the one it is in already, else the first with room, else a new one. */
  #poolFor(spec: StreamSpec, clientId: string): Pool {
    const pools = [...(this.#pools.get(spec.id) ?? [])];
    return (
      pools.find((pool) => pool.has(clientId)) ?? pools.find((pool) => !pool.isFull) ?? this.#createPool(spec)
    );
  }

  #createPool(spec: StreamSpec): Pool {
    const streamId = spec.id;
    const emit = this.#events.emit.bind(this.#events);
    const held = withHolder(spec, { end: (reason) => void pool.stop(reason) });
    const pool: Pool = this.#factory.create(held, {
      after: Promise.all(this.#closing.get(streamId) ?? []).then(() => {}),
      events: {
        pool_state: (change) => {
          const { pid } = pool.snapshot();
          emit('pool_state', { streamId, ...change, ...(pid === undefined ? {} : { pid }) });
        },
        source_switched: (info) =>
          emit('source_switched', { streamId, ...info, urls: [spec.target.url, ...spec.failoverUrls] }),
        viewer_attached: (viewer) => emit('viewer_attached', viewer),
        viewer_detached: (viewer) => emit('viewer_detached', viewer),
        viewer_skipped: (info) => emit('viewer_skipped', { streamId, ...info }),
        noted: (note) => emit('noted', { streamId, ...note }),
      },
      onFinal: () => {
        forget(this.#pools, streamId, pool);
        remember(this.#closing, streamId, pool.closed);
        void pool.closed.then(() => forget(this.#closing, streamId, pool.closed));
      },
    });
    remember(this.#pools, streamId, pool);
    return pool;
  }

  #carried(streamId?: string): ViewerSnapshot[] {
    return [...this.#carriers].flatMap((carrier) => carrier.viewers(streamId));
  }

  *#allPools(): Generator<Pool> {
    for (const pools of this.#pools.values()) yield* pools;
  }
}

function identityOf({ clientId, ip, userAgent, username }: ViewerIdentity): ViewerIdentity {
  return { clientId, ip, userAgent, ...(username !== undefined && { username }) };
}

function hasLeft(res: ServerResponse): boolean {
  return res.destroyed || res.socket?.destroyed === true;
}

function remember<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
}

function forget<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}

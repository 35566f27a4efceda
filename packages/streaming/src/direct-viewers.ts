import { StreampoolError } from '@streampool/errors';
import type { UpstreamClient } from '@streampool/upstream';
import type { Logger } from 'pino';
import { resolverOf } from './choice/resolver.ts';
import type { Clock } from './clock.ts';
import { withHolder } from './connection-holder.ts';
import { DEFAULT_GO_ON_POLICY, DirectSources, DirectViewer } from './direct/index.ts';
import { type DrillRequest, type MeasuredViewer, PoolDrill } from './drill/index.ts';
import type {
  DetachReason,
  EngineEvents,
  FailoverResult,
  PoolSnapshot,
  StreamSpec,
  ViewerRequest,
  ViewerSnapshot,
} from './engine-api.ts';
import type { EngineSettings } from './engine-settings.ts';

export interface DirectViewersOptions {
  readonly settings: EngineSettings;
  readonly client: UpstreamClient;
  readonly clock: Clock;
  readonly log?: Pick<Logger, 'warn'>;
  readonly emit: <K extends keyof EngineEvents>(event: K, ...args: EngineEvents[K]) => void;
}

/** Sources that send in bursts are silent for less. */
const WELL_MS = 1_000;

/** How long a film may be paused before its connections are closed: players read nothing meanwhile. */
const PAUSED_FILE_MS = 30 * 60_000;

/** A direct stream and its connections: there is nothing shared, but operators count it like a pool. */
interface DirectStream {
  readonly spec: StreamSpec;
  sources: DirectSources;
  readonly connections: Set<DirectViewer>;
  readonly byClient: Map<string, Set<DirectViewer>>;
  readonly startedAt: number;
  lastAccess: number;
  /** Of connections that are gone. */
  bytesIn: number;
  bytesOut: number;
  restarts: number;
  lastError: string | undefined;
  state: 'live' | 'stopped' | 'failed';
  drill: PoolDrill | undefined;
}

/**
 * All viewers with a provider connection of their own. A player may hold several at once (it reads a film's index while
 * it plays): together they are one viewer, which comes with the first and goes with the last.
 */
export class DirectViewers {
  readonly #options: DirectViewersOptions;
  readonly #streams = new Map<string, DirectStream>();

  constructor(options: DirectViewersOptions) {
    this.#options = options;
  }

  /** Resolves once the head is written, or the viewer has gone. @throws StreampoolError before anything was written */
  async watch(spec: StreamSpec, viewer: ViewerRequest): Promise<void> {
    const { settings, client, emit } = this.#options;
    const stream = this.#streamOf(spec);
    // The definition may have got other URLs since the first viewer came.
    if (!stream.sources.areOf(spec)) stream.sources = this.#sourcesOf(spec);
    const { clientId, ip, userAgent, username } = viewer;
    const held = withHolder(spec, {
      viewer: { clientId, ip, userAgent, ...(username !== undefined && { username }) },
      end: () => connection.close('kicked'),
    });
    const connection: DirectViewer = new DirectViewer(held, viewer, {
      client,
      sources: stream.sources,
      timeouts: {
        connectMs: settings.connectTimeoutMs,
        firstByteMs: settings.streamTimeoutMs * 0.9,
        openMs: settings.streamTimeoutMs * 0.95,
        // Nobody else shares this connection: ending it costs the viewer more than waiting does.
        stallMs: settings.streamTimeoutMs,
        // Unless it can be gone on with on another one.
        silenceMs: settings.stallTimeoutMs,
      },
      goOn: { ...DEFAULT_GO_ON_POLICY, attempts: settings.maxAttempts },
      clientTimeoutMs: settings.clientTimeoutMs,
      pausedFileMs: Math.max(PAUSED_FILE_MS, settings.clientTimeoutMs),
      // There is no batching behind this: reading sets the pace of writing.
      paceMs: settings.deliveryIntervalMs,
      onBreak: (error) => {
        stream.restarts += 1;
        stream.lastError = error.message;
        this.#noteLoss(connection, error);
      },
      onSwitch: ({ index: failoverIndex, reason, gapMs }) =>
        emit('source_switched', {
          ...{ streamId: spec.id, clientId, reason, gapMs, failoverIndex },
          urls: [spec.target.url, ...spec.failoverUrls],
        }),
      onGap: (gapMs, index) =>
        emit('noted', { type: 'source_gap', streamId: spec.id, clientId, gapMs, index }),
    });
    const isFirst = add(stream, connection);
    stream.lastAccess = this.#options.clock.wallNow();
    void connection.closed.then((reason) => this.#onClosed(stream, connection, reason));
    if (isFirst) this.#options.emit('viewer_attached', connection.snapshot());
    try {
      await connection.start();
    } catch (error) {
      if (!viewer.res.headersSent && !viewer.res.destroyed) throw error;
    }
  }

  /** Resolves with the number of viewers it had, once their provider connections are closed. */
  async stop(streamId: string, reason: DetachReason = 'stopped'): Promise<number> {
    const stream = this.#streams.get(streamId);
    if (!stream) return 0;
    const viewers = viewersOf(stream).length;
    const connections = [...stream.connections];
    for (const connection of connections) connection.close(reason);
    await Promise.all(connections.map((connection) => connection.closed));
    return viewers;
  }

  /**
   * Every viewer changes over by itself. Undefined where nobody watches.
   * @throws StreampoolError FAILOVER_NOT_CONFIGURED, INVALID_REQUEST, or why none of them could
   */
  async failover(streamId: string, index?: number): Promise<FailoverResult | undefined> {
    const stream = this.#streams.get(streamId);
    if (!stream) return undefined;
    const { sources } = stream;
    const alternatives = sources.configured;
    if (!sources.hasAlternative)
      throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the stream has no failover URL');
    if (index !== undefined && index >= alternatives && sources.namedUrl(index) === undefined)
      throw new StreampoolError('INVALID_REQUEST', `the stream has sources 0 to ${alternatives - 1}`);
    const connections = [...stream.connections];
    const current = playingIndex(connections);
    const named = index === undefined ? await sources.next({ index: current }) : undefined;
    if (index === undefined && named === undefined && alternatives < 2)
      throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the resolver names no other source');
    const next = index ?? named ?? (current + 1) % alternatives;
    const outcomes = await Promise.allSettled(connections.map((it) => it.failover(next)));
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    if (refused && outcomes.every(({ status }) => status === 'rejected')) throw refused.reason;
    stream.restarts += 1;
    const url = sources.namedUrl(next);
    return { failoverIndex: next, failoverAttempts: stream.restarts, ...(url !== undefined && { url }) };
  }

  /**
   * Every viewer's own connection looks broken. Undefined where nobody watches.
   * @throws StreampoolError DRILL_NOT_POSSIBLE, DRILL_RUNNING
   */
  async drill(streamId: string, request: DrillRequest): Promise<{ failoverIndex: number } | undefined> {
    const stream = this.#streams.get(streamId);
    if (!stream) return undefined;
    if (request.fault === 'black' || request.fault === 'silence')
      throw new StreampoolError('DRILL_NOT_POSSIBLE', 'nobody looks at what a direct stream shows');
    // A file is never broken on purpose.
    const continuous = (): DirectViewer[] => [...stream.connections].filter(({ gaps }) => gaps);
    stream.drill ??= new PoolDrill({
      faults: {
        begin: (fault) => {
          for (const connection of continuous()) connection.break(fault);
        },
        end: () => {
          for (const connection of continuous()) connection.mend();
        },
      },
      clock: this.#options.clock,
      index: () => 0,
      isPossible: () => continuous().length > 0,
      report: () => {},
      isWell: () => continuous().every(({ gaps }) => gaps!.silentMs < WELL_MS),
      isOver: () => stream.connections.size === 0,
    });
    await stream.drill.run(request);
    return { failoverIndex: playingIndex(continuous()) };
  }

  /** The viewers of continuous streams, for measuring what they get. */
  measured(streamId: string): MeasuredViewer[] {
    return [...(this.#streams.get(streamId)?.connections ?? [])].flatMap(({ clientId, gaps }) =>
      gaps ? [{ clientId, socketViewer: gaps.measured }] : [],
    );
  }

  disconnect(clientId: string): boolean {
    const connections = [...this.#streams.values()].flatMap((stream) => [
      ...(stream.byClient.get(clientId) ?? []),
    ]);
    for (const connection of connections) connection.close('kicked');
    return connections.length > 0;
  }

  snapshots(streamId?: string): PoolSnapshot[] {
    return this.#all(streamId).map((stream) => {
      const connections = [...stream.connections];
      const snapshots = connections.map((connection) => connection.snapshot());
      const failoverIndex = playingIndex(connections);
      const namedUrl = stream.sources.namedUrl(failoverIndex);
      return {
        streamId: stream.spec.id,
        ...(stream.spec.metadata && { metadata: stream.spec.metadata }),
        kind: 'direct',
        state: stream.state,
        viewers: viewersOf(stream).length,
        startedAt: stream.startedAt,
        lastAccess: stream.lastAccess,
        bytesIn: connections.reduce((sum, { bytesIn }) => sum + bytesIn, stream.bytesIn),
        bytesOut: snapshots.reduce((sum, { bytes }) => sum + bytes, stream.bytesOut),
        failoverIndex,
        ...(namedUrl === undefined ? {} : { namedUrl }),
        failoverAttempts: stream.restarts,
        restarts: stream.restarts,
        ringBytes: 0,
        ...(stream.lastError === undefined ? {} : { lastError: stream.lastError }),
      };
    });
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    return this.#all(streamId).flatMap(viewersOf);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams.keys()].map((streamId) => this.stop(streamId, 'shutdown')));
  }

  /** All of them, or the one of that id, where it is here. */
  #all(streamId?: string): DirectStream[] {
    if (streamId === undefined) return [...this.#streams.values()];
    const stream = this.#streams.get(streamId);
    return stream ? [stream] : [];
  }

  #streamOf(spec: StreamSpec): DirectStream {
    const known = this.#streams.get(spec.id);
    if (known?.state === 'live') return known;
    const now = this.#options.clock.wallNow();
    const stream: DirectStream = {
      spec,
      sources: this.#sourcesOf(spec),
      connections: new Set(),
      byClient: new Map(),
      startedAt: now,
      lastAccess: now,
      bytesIn: 0,
      bytesOut: 0,
      restarts: 0,
      lastError: undefined,
      state: 'live',
      drill: undefined,
    };
    this.#streams.set(spec.id, stream);
    const move = { streamId: spec.id, reason: 'first viewer' };
    this.#options.emit('pool_state', { ...move, from: 'idle', to: 'starting' });
    this.#options.emit('pool_state', { ...move, from: 'starting', to: 'live' });
    return stream;
  }

  #sourcesOf(spec: StreamSpec): DirectSources {
    const { client, log } = this.#options;
    return new DirectSources(spec, resolverOf(spec, { client, log }));
  }

  #onClosed(stream: DirectStream, connection: DirectViewer, reason: DetachReason): void {
    const { emit, clock } = this.#options;
    const last = connection.snapshot();
    const isLast = remove(stream, connection);
    stream.bytesIn += connection.bytesIn;
    stream.bytesOut += last.bytes;
    stream.lastAccess = clock.wallNow();
    if (connection.error && reason === 'failed') stream.lastError = connection.error.message;
    if (connection.error && reason === 'failed') this.#noteLoss(connection, connection.error);
    if (isLast) emit('viewer_detached', { ...last, reason });
    if (stream.connections.size > 0) return;
    const failure = reason === 'failed' ? connection.error : undefined;
    stream.state = failure ? 'failed' : 'stopped';
    // Still there while this is told, so that whoever listens can read why.
    emit('pool_state', {
      streamId: stream.spec.id,
      from: 'live',
      to: stream.state,
      reason: failure?.code ?? 'the last viewer left',
    });
    if (this.#streams.get(stream.spec.id) === stream) this.#streams.delete(stream.spec.id);
  }

  /** Of a viewer's own connection to the provider. */
  #noteLoss(connection: DirectViewer, { code, message }: StreampoolError): void {
    const { clientId, streamId } = connection.snapshot();
    const index = connection.failoverIndex;
    const type = connection.bytesIn > 0 ? 'source_lost' : 'source_refused';
    this.#options.emit('noted', { type, streamId, clientId, code, detail: message, index });
  }
}

/** Which URL its viewers play: the one furthest down the list, where they differ. */
function playingIndex(connections: readonly DirectViewer[]): number {
  return Math.max(0, ...connections.map((connection) => connection.failoverIndex));
}

/** True if it is its client's first. */
function add(stream: DirectStream, connection: DirectViewer): boolean {
  stream.connections.add(connection);
  const own = stream.byClient.get(connection.clientId);
  if (own) own.add(connection);
  else stream.byClient.set(connection.clientId, new Set([connection]));
  return own === undefined;
}

/** True if it was its client's last. */
function remove(stream: DirectStream, connection: DirectViewer): boolean {
  stream.connections.delete(connection);
  const own = stream.byClient.get(connection.clientId);
  own?.delete(connection);
  if (own?.size !== 0) return false;
  stream.byClient.delete(connection.clientId);
  return true;
}

/** One snapshot per viewer, its connections summed up. */
function viewersOf(stream: DirectStream): ViewerSnapshot[] {
  const viewers = new Map<string, ViewerSnapshot>();
  for (const connection of stream.connections) {
    const one = connection.snapshot();
    const sum = viewers.get(one.clientId);
    viewers.set(
      one.clientId,
      sum
        ? {
            ...sum,
            bytes: sum.bytes + one.bytes,
            lagBytes: sum.lagBytes + one.lagBytes,
            lastActive: Math.max(sum.lastActive, one.lastActive),
          }
        : one,
    );
  }
  return [...viewers.values()];
}

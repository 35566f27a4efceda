import type {
  DrillRequest,
  DrillResult,
  EngineEvents,
  FailoverResult,
  GapMeasurement,
  PoolSnapshot,
  StreamEngineApi,
  StreamSpec,
  ViewerRequest,
  ViewerSnapshot,
} from '@streampool/streaming';

interface Attached {
  readonly spec: StreamSpec;
  readonly viewer: ViewerRequest;
}

type Listener = (...args: never[]) => void;

/** A data plane that plays `onWatch`, and remembers who watches until told otherwise. */
export class FakeEngine implements StreamEngineApi {
  readonly watched: Attached[] = [];
  readonly attached = new Map<string, Attached>();
  readonly stopped: string[] = [];
  poolSnapshots: PoolSnapshot[] | undefined;
  closed = false;
  readonly #listeners = new Map<string, Set<Listener>>();
  onWatch: (spec: StreamSpec, viewer: ViewerRequest) => Promise<void> | void = (spec, { res }) => {
    // As the real one: a viewer's connection is not used again.
    res.writeHead(200, { 'Content-Type': spec.contentType, Connection: 'close' });
    res.end('media');
  };

  async watch(spec: StreamSpec, viewer: ViewerRequest): Promise<void> {
    this.watched.push({ spec, viewer });
    await this.onWatch(spec, viewer);
    this.attached.set(viewer.clientId, { spec, viewer });
    this.emit('viewer_attached', this.#snapshot({ spec, viewer }));
  }

  async stop(streamId: string): Promise<number> {
    this.stopped.push(streamId);
    const gone = [...this.attached].filter(([, { spec }]) => spec.id === streamId);
    for (const [clientId] of gone) this.disconnect(clientId);
    return gone.length;
  }

  /** Source 1 of 2 plays after it. */
  onFailover: (streamId: string, index: number | undefined) => FailoverResult = (_streamId, index = 1) => ({
    failoverIndex: index,
    failoverAttempts: 1,
  });

  async failover(streamId: string, { index }: { index?: number } = {}): Promise<FailoverResult> {
    return this.onFailover(streamId, index);
  }

  onDrill: (streamId: string, request: DrillRequest) => DrillResult = () => ({
    switched: true,
    failoverIndex: 1,
    told: false,
    slateMs: 0,
    viewers: { gapsMs: [120, 80, 400], dropped: 0 },
  });

  async drill(streamId: string, request: DrillRequest): Promise<DrillResult> {
    return this.onDrill(streamId, request);
  }

  measureGaps(): GapMeasurement {
    return { take: () => ({ gapsMs: [], dropped: 0 }) };
  }

  disconnect(clientId: string): boolean {
    const attached = this.attached.get(clientId);
    if (!attached) return false;
    attached.viewer.req.socket.destroy();
    this.attached.delete(clientId);
    this.emit('viewer_detached', { ...this.#snapshot(attached), reason: 'kicked' });
    return true;
  }

  pools(): PoolSnapshot[] {
    if (this.poolSnapshots) return this.poolSnapshots;
    const counts = new Map<StreamSpec, number>();
    for (const { spec } of this.attached.values()) counts.set(spec, (counts.get(spec) ?? 0) + 1);
    return [...counts].map(([spec, viewers]) =>
      poolSnapshot({ streamId: spec.id, kind: spec.kind, viewers }),
    );
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    return [...this.attached.values()]
      .filter(({ spec }) => streamId === undefined || spec.id === streamId)
      .map((attached) => this.#snapshot(attached));
  }

  #snapshot({ spec, viewer }: Attached): ViewerSnapshot {
    return {
      clientId: viewer.clientId,
      streamId: spec.id,
      ip: viewer.ip,
      userAgent: viewer.userAgent,
      ...(viewer.username !== undefined && { username: viewer.username }),
      connectedAt: 1_700_000_000_000,
      lastActive: 1_700_000_001_000,
      bytes: 5,
      lagBytes: 0,
      skips: 0,
    };
  }

  on<K extends keyof EngineEvents>(event: K, listener: (...args: EngineEvents[K]) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener as unknown as Listener);
    return () => set.delete(listener as unknown as Listener);
  }

  emit<K extends keyof EngineEvents>(event: K, ...args: EngineEvents[K]): void {
    for (const listener of this.#listeners.get(event) ?? [])
      (listener as unknown as (...args: EngineEvents[K]) => void)(...args);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const clientId of this.attached.keys()) this.disconnect(clientId);
  }
}

export function poolSnapshot(figures: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    streamId: 'stream',
    kind: 'direct',
    state: 'live',
    viewers: 1,
    startedAt: 1_700_000_000_000,
    lastAccess: 1_700_000_000_000,
    bytesIn: 0,
    bytesOut: 0,
    failoverIndex: 0,
    failoverAttempts: 0,
    restarts: 0,
    ringBytes: 0,
    ...figures,
  };
}

import type {
  DetachReason,
  DrillResult,
  EngineEvents,
  FailoverResult,
  GapMeasurement,
  PoolSnapshot,
  PoolState,
  StreamEngineApi,
  ViewerSnapshot,
} from '@streampool/streaming';

type Listener<K extends keyof EngineEvents> = (...args: EngineEvents[K]) => void;

/** An engine without media: its pools and viewers are what the test says, and it tells of them as the real one does. */
export class FakeEngine implements StreamEngineApi {
  readonly #pools = new Map<string, PoolSnapshot>();
  readonly #viewers = new Map<string, ViewerSnapshot>();
  readonly #listeners = new Map<keyof EngineEvents, Set<Listener<never>>>();
  readonly #wallNow: () => number;
  readonly stopped: string[] = [];
  /** What a carrier adds. */
  carried: PoolSnapshot[] = [];

  constructor(wallNow: () => number) {
    this.#wallNow = wallNow;
  }

  /** Moves a pool, which is there from its first move to its last. */
  move(streamId: string, to: PoolState, fields: Partial<PoolSnapshot> & { reason?: string } = {}): void {
    const { reason = 'test', ...figures } = fields;
    const before = this.#pools.get(streamId) ?? emptyPool(streamId, this.#wallNow());
    const pool = { ...before, ...figures, state: to };
    this.#pools.set(streamId, pool);
    const { pid } = pool;
    this.#emit('pool_state', { streamId, from: before.state, to, reason, ...(pid !== undefined && { pid }) });
    if (to === 'stopped' || to === 'failed') this.#pools.delete(streamId);
  }

  /** Changes figures without a word, as a running pool does. */
  set(streamId: string, figures: Partial<PoolSnapshot>): void {
    this.#pools.set(streamId, { ...(this.#pools.get(streamId) as PoolSnapshot), ...figures });
  }

  attach(clientId: string, streamId: string, fields: Partial<ViewerSnapshot> = {}): void {
    const viewer: ViewerSnapshot = {
      clientId,
      streamId,
      ip: '192.0.2.9',
      userAgent: 'mpv',
      connectedAt: this.#wallNow(),
      lastActive: this.#wallNow(),
      bytes: 0,
      lagBytes: 0,
      skips: 0,
      ...fields,
    };
    this.#viewers.set(`${streamId}:${clientId}`, viewer);
    this.#emit('viewer_attached', viewer);
  }

  feed(clientId: string, streamId: string, bytes: number): void {
    const key = `${streamId}:${clientId}`;
    const viewer = this.#viewers.get(key) as ViewerSnapshot;
    this.#viewers.set(key, { ...viewer, bytes: viewer.bytes + bytes, lastActive: this.#wallNow() });
  }

  detach(clientId: string, streamId: string, reason: DetachReason = 'left'): void {
    const key = `${streamId}:${clientId}`;
    const viewer = this.#viewers.get(key) as ViewerSnapshot;
    this.#viewers.delete(key);
    this.#emit('viewer_detached', { ...viewer, reason });
  }

  skip(clientId: string, streamId: string, bytesSkipped: number): void {
    this.#emit('viewer_skipped', { streamId, clientId, bytesSkipped });
  }

  note(note: EngineEvents['noted'][0]): void {
    this.#emit('noted', note);
  }

  switchSource(streamId: string, failoverIndex: number, reason: string): void {
    this.set(streamId, { failoverIndex });
    this.#emit('source_switched', { streamId, failoverIndex, reason, gapMs: 12.4 });
  }

  async watch(): Promise<void> {
    throw new Error('not part of this fake');
  }

  async stop(streamId: string): Promise<number> {
    this.stopped.push(streamId);
    return 0;
  }

  async failover(): Promise<FailoverResult> {
    return { failoverIndex: 1, failoverAttempts: 1 };
  }

  async drill(): Promise<DrillResult> {
    const viewers = { gapsMs: [100], dropped: 0 };
    return { switched: true, failoverIndex: 1, told: false, slateMs: 0, viewers };
  }

  measureGaps(): GapMeasurement {
    return { take: () => ({ gapsMs: [40, 50], dropped: 1 }) };
  }

  disconnect(): boolean {
    return false;
  }

  pools(streamId?: string): PoolSnapshot[] {
    const all = [...this.#pools.values(), ...this.carried];
    return all.filter((pool) => streamId === undefined || pool.streamId === streamId);
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    return [...this.#viewers.values()].filter(
      (viewer) => streamId === undefined || viewer.streamId === streamId,
    );
  }

  on<K extends keyof EngineEvents>(event: K, listener: Listener<K>): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  get listeners(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  async close(): Promise<void> {}

  #emit<K extends keyof EngineEvents>(event: K, ...args: EngineEvents[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) (listener as unknown as Listener<K>)(...args);
  }
}

function emptyPool(streamId: string, now: number): PoolSnapshot {
  return {
    streamId,
    kind: 'transcode',
    state: 'idle',
    viewers: 0,
    lastAccess: now,
    bytesIn: 0,
    bytesOut: 0,
    failoverIndex: 0,
    failoverAttempts: 0,
    restarts: 0,
    ringBytes: 0,
  };
}

import { StreampoolError } from '@streampool/errors';
import {
  type ClusterState,
  type Heartbeat,
  SqliteClusterState,
  type StreamDefinition,
} from '@streampool/state';
import { pino } from 'pino';
import { Worker, type WorkerOptions } from '../src/index.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeEngine } from './fake-engine.ts';

export const LEASE_MS = 15_000;
export const HEARTBEAT_MS = 5_000;
/** The store's clock and this host's are an hour apart: no test may pass by their being alike. */
export const STORE_START = 1_800_000_000_000;
export const HOST_AHEAD_MS = 3_600_000;

/** A store whose time goes with the test's clock, and which can be cut off and emptied. */
export class TestStore {
  readonly clock = new FakeClock(STORE_START + HOST_AHEAD_MS);
  #inner = this.#open();
  /** What every beat said, in order. */
  readonly beats: Heartbeat[] = [];
  /** Thrown by every call while set. */
  failure: Error | undefined;
  calls = 0;

  #open(): SqliteClusterState {
    return new SqliteClusterState({
      path: ':memory:',
      leaseMs: LEASE_MS,
      clientTtlMs: 30_000,
      now: () => STORE_START + Math.round(this.clock.now()),
    });
  }

  /** The store itself, always within reach. */
  get inner(): SqliteClusterState {
    return this.#inner;
  }

  /** Comes back without memory, as a store does that was not persistent. */
  async empty(): Promise<void> {
    await this.#inner.close();
    this.#inner = this.#open();
  }

  unavailable(): void {
    this.failure = new StreampoolError('STATE_UNAVAILABLE', 'away');
  }

  /** What the worker is given. */
  readonly state = new Proxy({} as ClusterState, {
    get:
      (_, method: keyof ClusterState) =>
      async (...args: unknown[]) => {
        this.calls += 1;
        if (this.failure) throw this.failure;
        if (method === 'heartbeat') this.beats.push(args[0] as Heartbeat);
        return (this.#inner[method] as (...args: unknown[]) => Promise<unknown>)(...args);
      },
  });
}

export interface Node {
  readonly worker: Worker;
  readonly engine: FakeEngine;
  readonly lost: [string, { owner: string; epoch: number }][];
  readonly removed: string[];
  readonly statuses: string[];
  readonly replaced: string[];
  readonly logged: Record<string, unknown>[];
}

export function node(store: TestStore, id: string, options: Partial<WorkerOptions> = {}): Node {
  const engine = new FakeEngine(() => store.clock.wallNow());
  const lost: Node['lost'] = [];
  const removed: string[] = [];
  const statuses: string[] = [];
  const replaced: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const worker = new Worker({
    id,
    state: store.state,
    engine,
    log: pino({ level: 'info' }, { write: (line: string) => logged.push(JSON.parse(line)) }),
    url: `http://${id}:8085`,
    version: '0.1.0',
    host: 'here',
    heartbeatMs: HEARTBEAT_MS,
    flushMs: 100,
    clientRefreshMs: HEARTBEAT_MS,
    clientTtlMs: 30_000,
    clock: store.clock,
    random: () => 0,
    load: () => 0.25,
    startTicks: (pid) => pid * 10,
    onOwnerChanged: (...args) => lost.push(args),
    onStreamRemoved: (streamId) => removed.push(streamId),
    onStatus: (status) => statuses.push(status),
    onReplaced: (detail) => replaced.push(detail),
    ...options,
  });
  return { worker, engine, lost, removed, statuses, replaced, logged };
}

export function definition(id: string): StreamDefinition {
  return {
    id,
    kind: 'transcode',
    streamType: 'direct',
    url: 'http://provider.example/1.ts',
    failoverUrls: [],
    headers: {},
    metadata: {},
    settings: {},
    createdAtMs: 0,
  };
}

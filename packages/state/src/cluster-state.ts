import type {
  ClientRecord,
  ClusterEvent,
  StreamDefinition,
  StreamRecord,
  StreamRuntime,
  WorkerRecord,
} from './records.ts';

export interface Page<T> {
  readonly items: T[];
  /** Give it as `after` to read on; absent on the last page. */
  readonly next?: string;
}

export interface Claim {
  /** True: the caller owns the stream under `epoch`. False: `owner` does, and is alive. */
  readonly granted: boolean;
  readonly owner: string;
  readonly epoch: number;
}

/** What an owner says of one of its streams at a heartbeat. */
export interface StreamReport extends Partial<Omit<StreamRuntime, 'owner' | 'epoch' | 'host'>> {
  readonly streamId: string;
  readonly epoch: number;
}

/** One beat of a node: everything it has to say, in one round trip. */
export interface Heartbeat {
  readonly worker: Omit<WorkerRecord, 'heartbeatMs'>;
  /** Streams it owns; a report also renews the lease. */
  readonly streams: readonly StreamReport[];
  /** Viewers whose sockets it holds, new or changed since the last beat. */
  readonly clients: readonly ClientRecord[];
  /** Viewers that have gone since the last beat. */
  readonly gone: readonly { streamId: string; clientId: string }[];
}

export interface HeartbeatReply {
  /** Streams reported under an epoch that is no longer the newest: the caller is not their owner any more. */
  readonly stale: readonly { streamId: string; owner: string; epoch: number }[];
}

/** What the reaper looks at: only what has expired or may be idle, never everything that exists. */
export interface SweepSnapshot {
  readonly nowMs: number;
  readonly deadWorkers: readonly WorkerRecord[];
  /** Owned streams of dead workers. */
  readonly orphans: readonly {
    streamId: string;
    owner: string;
    epoch: number;
    viewers: number;
    ffmpegPid?: number;
    host: string;
  }[];
  /** Viewers whose node has not spoken of them within the client TTL. */
  readonly expiredClients: readonly { streamId: string; clientId: string; node: string }[];
}

/**
 * What the nodes of a cluster know together. Implementations: SQLite (embedded), Redis (cluster).
 * Every method is one atomic step. The store's clock decides about expiry; clocks of hosts are never compared.
 * @throws StreampoolError STATE_UNAVAILABLE when the store cannot be reached within its deadline (every method)
 */
export interface ClusterState {
  /** Keeps the definition; the same id again replaces what does not change the bytes (metadata, failover URLs, settings) and keeps `createdAtMs`. */
  putStream(definition: StreamDefinition): Promise<{ created: boolean }>;
  getDefinition(streamId: string): Promise<StreamDefinition | undefined>;
  getStream(streamId: string): Promise<StreamRecord | undefined>;
  /** In the order of last access, newest first. `limit` at most 1,000. */
  listStreams(page?: { after?: string; limit?: number }): Promise<Page<StreamRecord>>;
  /** Streams whose metadata has that value, as an index look-up. */
  findByMetadata(field: string, value: string): Promise<StreamRecord[]>;
  /** Also removes its runtime and clients. False if it did not exist. */
  removeStream(streamId: string): Promise<boolean>;

  /** Free, expired, or owner dead by heartbeat: the caller becomes owner with epoch + 1. Already the owner: granted with the same epoch. */
  claim(streamId: string, worker: { id: string; host: string }): Promise<Claim>;
  /** Gives ownership up. @throws StreampoolError STALE_EPOCH */
  release(streamId: string, epoch: number): Promise<void>;
  /** Writes fields of the runtime. @throws StreampoolError STALE_EPOCH, STREAM_NOT_FOUND */
  report(report: StreamReport): Promise<void>;

  heartbeat(beat: Heartbeat): Promise<HeartbeatReply>;
  listWorkers(): Promise<WorkerRecord[]>;
  /** Also gives up what it owns and removes its clients. */
  removeWorker(workerId: string): Promise<void>;
  setWorkerStatus(workerId: string, status: WorkerRecord['status']): Promise<boolean>;

  listClients(filter?: { streamId?: string; after?: string; limit?: number }): Promise<Page<ClientRecord>>;
  getClient(clientId: string): Promise<ClientRecord | undefined>;
  removeClients(clients: readonly { streamId: string; clientId: string }[]): Promise<void>;

  publish(event: Omit<ClusterEvent, 'id' | 'atMs'>): Promise<void>;
  /** Events after `after` (all that are kept, without it), oldest first. The store keeps the newest 10,000. */
  readEvents(query?: { after?: string; limit?: number; streamId?: string }): Promise<ClusterEvent[]>;

  sweep(): Promise<SweepSnapshot>;

  /** Round trip to the store, for readiness. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

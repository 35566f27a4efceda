import type { EventState } from './event-state.ts';
import type { ProviderState } from './providers.ts';
import type {
  ClientRecord,
  ClusterEvent,
  OrphanProcess,
  StreamDefinition,
  StreamRecord,
  StreamState,
  WorkerRecord,
  WorkerStatus,
} from './records.ts';
import type { SessionState } from './sessions.ts';
import type { SourceState } from './sources.ts';
import type { NewTimelineEntry, TimelineEntry, TimelineSubject } from './timeline/entry.ts';
import type { WebhookState } from './webhooks.ts';

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
  /** Granted, and another worker was playing it until now: for the stream this is no start. Absent: false. */
  readonly continues?: boolean;
}

export interface ClaimOptions {
  /**
   * The epoch of an owner that the caller saw die (its socket was refused or reset). While the stream still has that
   * epoch the claim is granted without waiting for the lease; an owner that lives after all finds its epoch stale.
   */
  readonly deposes?: number;
}

/** What an owner says of one of its streams. An absent field is left as it is; null clears it. */
export interface StreamReport {
  readonly streamId: string;
  readonly epoch: number;
  readonly state?: StreamState;
  readonly ffmpegPid?: number | null;
  readonly ffmpegStartTicks?: number | null;
  readonly bitrateKbps?: number | null;
  readonly fps?: number | null;
  readonly speed?: number | null;
  readonly failoverIndex?: number;
  readonly failoverAttempts?: number;
  readonly lastError?: string | null;
  /** By the store's clock (see {@link HeartbeatReply.nowMs}); one that lies in its future counts as now. */
  readonly lastAccessMs?: number;
}

export type NewEvent = Omit<ClusterEvent, 'id' | 'atMs'>;

/**
 * A viewer without a socket of its own (HLS) asks any node, or several in turn, and is one viewer: of what the nodes say,
 * that it came to the first and went from the last is published, in one atomic step with knowing so. One with a socket goes
 * once, too, also where its node was taken for dead before.
 */
export interface Presence {
  readonly clientId: string;
  /**
   * `moves`: it went because the node ends. If others run, it has as long as a lease to go on there. `closed`: it had a socket,
   * which has closed.
   */
  readonly does: 'came' | 'went' | 'moves' | 'closed';
  /** Names this coming to this node: said again, because an answer was lost, it changes nothing. */
  readonly visit: string;
}

/** What happened at a node. With a `presence` the store may know that it is no event of the cluster's. */
export interface NodeEvent extends NewEvent {
  readonly presence?: Presence;
}

/** One beat of a node: everything it has to say, in one round trip. May be partial: what is not mentioned stays. */
export interface Heartbeat {
  readonly worker: Omit<WorkerRecord, 'heartbeatMs' | 'alive'>;
  /** Streams it owns; a report also renews the lease. An epoch above the store's (which lost its memory) is adopted. */
  readonly streams: readonly StreamReport[];
  /** Viewers whose sockets it holds, new or changed since the last beat. Each mention renews the client's TTL. */
  readonly clients: readonly ClientRecord[];
  /** Viewers that have gone since the last beat. One that another node has taken over in the meantime, or has too, stays. */
  readonly gone: readonly { streamId: string; clientId: string }[];
  readonly events?: readonly NodeEvent[];
  /** What explains what viewers saw; kept for an hour. See {@link ClusterState.readTimeline}. */
  readonly timeline?: readonly NewTimelineEntry[];
  /** Streams it relays from their owners, under the epochs it believes in. */
  readonly follows?: readonly { streamId: string; epoch: number }[];
}

export interface HeartbeatReply {
  /**
   * Streams reported under an epoch that is no longer the newest, or that were released in the caller's name:
   * it is not their owner any more. `owner` is empty where nobody is: the caller may claim again.
   */
  readonly stale: readonly { streamId: string; owner: string; epoch: number }[];
  /** Followed streams that have another owner since, under a higher epoch than the follower believes in. */
  readonly moved: readonly { streamId: string; owner: string; epoch: number }[];
  /** Mentioned streams (but for followed ones) that the store does not know: removed, or lost with its memory (then `generation` is another). */
  readonly missing: readonly string[];
  /** Names this life of the store's data; another one means that the store came back empty. */
  readonly generation: string;
  /** `draining` when the worker said so itself or an operator asked for it. */
  readonly status: WorkerStatus;
  /** The store's clock when it took the beat. Times in records are made from it, not from the host's clock. */
  readonly nowMs: number;
}

/** What the reaper looks at: only what has expired, never everything that exists. */
export interface SweepSnapshot {
  readonly nowMs: number;
  readonly deadWorkers: readonly WorkerRecord[];
  /** Owned streams of dead workers, and those that a living owner has stopped speaking of (their lease has expired). */
  readonly orphans: readonly {
    streamId: string;
    owner: string;
    epoch: number;
    viewers: number;
    ffmpegPid?: number;
    ffmpegStartTicks?: number;
    host: string;
  }[];
  /** Viewers whose node has not spoken of them within the client TTL. */
  readonly expiredClients: readonly { streamId: string; clientId: string; node: string }[];
  /** There was more of something than one snapshot holds: sweep again after acting on it. */
  readonly truncated: boolean;
}

/** Makes a step that was planned from a snapshot do nothing to what has come back to life since. */
export interface OnlyExpired {
  readonly onlyExpired?: boolean;
}

/**
 * What the nodes of a cluster know together. Implementations: SQLite (embedded), Redis (cluster).
 * Every method is one atomic step. The store's clock decides about expiry; clocks of hosts are never compared.
 * @throws StreampoolError STATE_UNAVAILABLE when the store cannot be reached within its deadline (every method)
 */
export interface ClusterState extends EventState, ProviderState, SessionState, SourceState, WebhookState {
  /** Keeps the definition; the same id again replaces what does not change the bytes (metadata, failover URLs, settings) and keeps `createdAtMs`. */
  putStream(
    definition: StreamDefinition,
    options?: {
      /** Leave one that is there as it is: for giving back what a store has forgotten, which somebody may have put anew. */
      readonly onlyIfAbsent?: boolean;
    },
  ): Promise<{ created: boolean }>;
  getDefinition(streamId: string): Promise<StreamDefinition | undefined>;
  getStream(streamId: string): Promise<StreamRecord | undefined>;
  /** In the order of last access, newest first. `limit` at most 1,000, 100 by default. @throws StreampoolError INVALID_REQUEST for an `after` that is no cursor */
  listStreams(page?: { after?: string; limit?: number }): Promise<Page<StreamRecord>>;
  /** Streams whose metadata has that value, as an index look-up, in the order of last access, newest first. */
  findByMetadata(field: string, value: string): Promise<StreamRecord[]>;
  /** Also removes its runtime and clients. False if it did not exist. */
  removeStream(streamId: string): Promise<boolean>;

  /**
   * Free, expired, or owner dead by heartbeat: the caller becomes owner with epoch + 1. Already the owner: granted with
   * the same epoch and a renewed lease. Taking over from another owner publishes `owner_changed`.
   * @throws StreampoolError STREAM_NOT_FOUND
   */
  claim(streamId: string, worker: { id: string; host: string }, options?: ClaimOptions): Promise<Claim>;
  /**
   * Gives ownership up; epochs go on from where they are. False if there was nothing to give up: the stream is gone, or
   * (with `onlyExpired`) its owner is alive and has renewed its lease. @throws StreampoolError STALE_EPOCH
   */
  release(streamId: string, epoch: number, options?: OnlyExpired): Promise<boolean>;
  /** Writes fields of the runtime and renews the lease. @throws StreampoolError STALE_EPOCH, STREAM_NOT_FOUND */
  report(report: StreamReport): Promise<void>;

  /** A worker that comes back as another process (host, pid or start differ) has lost what the earlier one owned. @throws StreampoolError WORKER_ID_TAKEN for that earlier process, should it still live */
  heartbeat(beat: Heartbeat): Promise<HeartbeatReply>;
  listWorkers(): Promise<WorkerRecord[]>;
  /** Also gives up what it owns and removes its clients. False if it did not exist (or, with `onlyExpired`, is alive). */
  removeWorker(workerId: string, options?: OnlyExpired): Promise<boolean>;
  /** What an operator wants of a worker; the worker learns of it in the reply to its next beat. False if there is no such worker. */
  setWorkerStatus(workerId: string, status: WorkerStatus): Promise<boolean>;

  /** In an order that stays while pages are read. `limit` at most 1,000, 100 by default. */
  listClients(filter?: { streamId?: string; after?: string; limit?: number }): Promise<Page<ClientRecord>>;
  /** All that is watched under one id, at most a hundred streams, in no order. */
  clientsOf(clientId: string): Promise<ClientRecord[]>;
  /** Of several streams watched under one id, the one most recently active. */
  getClient(clientId: string): Promise<ClientRecord | undefined>;
  /** How many there were. */
  removeClients(
    clients: readonly { streamId: string; clientId: string }[],
    options?: OnlyExpired,
  ): Promise<number>;

  /**
   * What happened to a stream (its viewers counted, not named) or to a viewer within the last hour, oldest first. It is
   * kept beyond the end of either. The same again within a minute is one entry that counts; of more than the budgets of
   * `timeline/fold.ts` allow the newest stay.
   */
  readTimeline(subject: TimelineSubject): Promise<TimelineEntry[]>;

  sweep(): Promise<SweepSnapshot>;
  /** FFmpeg processes left on that host by owners that lost their streams. Kept for a day, or until forgotten. */
  orphanProcesses(host: string): Promise<OrphanProcess[]>;
  forgetProcesses(host: string, pids: readonly number[]): Promise<void>;

  /** Names this life of the store's data, as replies to beats do; '' before the first beat of a life. */
  generation(): Promise<string>;
  /** Round trip to the store, for readiness. */
  ping(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

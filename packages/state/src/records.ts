/** Records of the cluster's state. Field names end in their unit; times are ms since the epoch by the store's own clock. */

export type StreamKind = 'direct' | 'shared' | 'transcode';
export type StreamState = 'idle' | 'starting' | 'live' | 'switching' | 'draining' | 'stopped' | 'failed';

/** One of several qualities of the same thing; each is a stream of its own. Figures are what its profile says, in bit/s. */
export interface StreamVariant {
  readonly streamId: string;
  /** Of its profile. */
  readonly name: string;
  readonly bandwidth?: number;
  readonly averageBandwidth?: number;
  /** `<width>x<height>` */
  readonly resolution?: string;
  /** RFC 6381 */
  readonly codecs?: string;
  readonly frameRate?: number;
}

/** What a network shows now: one programme after another goes out under one stream. Times of the wall clock, ms since the epoch. */
export interface Programme {
  readonly network: string;
  /** Of the programme's first picture; names it among those of its network. */
  readonly startedAtMs: number;
  /** Where in its source it begins. */
  readonly seekMs: number;
  /** Absent: to the end of its source. */
  readonly durationMs?: number;
  /** Number of its first segment; absent: the one after the last. */
  readonly firstSegment?: number;
  readonly discontinuity: boolean;
  readonly segmentMs: number;
  /** Segments in the playlist. */
  readonly listSize: number;
  /** A recording: all segments are kept. */
  readonly recorded: boolean;
  /** Told when it ends. */
  readonly callbackUrl?: string;
  /** It is not to be played any more. */
  readonly stoppedAtMs?: number;
  /** Not by request: it came to its end, or failed. What follows goes on behind it. */
  readonly isOver?: boolean;
  /** What was written of it is to be removed. */
  readonly removed?: boolean;
}

/** What somebody asked for. Holds credentials: never shown; operators see {@link StreamRecord.url}, redacted. */
export interface StreamDefinition {
  /** 32 hex digits: a hash of everything that changes the stream's bytes. */
  readonly id: string;
  readonly kind: StreamKind;
  readonly streamType: 'direct' | 'hls';
  readonly url: string;
  readonly failoverUrls: readonly string[];
  readonly failoverResolverUrl?: string;
  readonly userAgent?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The URLs are those of pages: which program finds what is on them. Cookies are sealed. */
  readonly resolver?: { readonly name: string; readonly args: string; readonly cookies?: string };
  /** The stream of a network: what it shows now. */
  readonly programme?: Programme;
  /** Transcoded streams only. */
  readonly profile?: string;
  readonly profileVariables?: Readonly<Record<string, string>>;
  readonly ffmpegArgs?: readonly string[];
  readonly format?: string;
  /** A ladder: nothing plays it by itself, players choose among these (RFC 8216 §4.3.4.2). */
  readonly variants?: readonly StreamVariant[];
  /** Per-stream settings that are kept for the parts that use them (silence detection, strict_live_ts, …). */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly createdAtMs: number;
}

/** What is true of a stream now. Written by its owner under its epoch. */
export interface StreamRuntime {
  readonly state: StreamState;
  /** Id of the worker that owns it; empty when nobody does. */
  readonly owner: string;
  /** Grows by one with every change of owner; writes with an older one are refused. */
  readonly epoch: number;
  readonly host: string;
  readonly ffmpegPid?: number;
  /**
   * When that process started, in clock ticks since its host booted (field 22 of /proc/<pid>/stat).
   * With the pid it names one process for good: pids are used again, pairs of both are not.
   */
  readonly ffmpegStartTicks?: number;
  /** Counted by the store from the client records of all nodes, never told by anybody: it cannot drift. */
  readonly viewers: number;
  readonly bitrateKbps?: number;
  readonly fps?: number;
  readonly speed?: number;
  readonly failoverIndex: number;
  readonly failoverAttempts: number;
  readonly lastError?: string;
  readonly lastAccessMs: number;
}

/** A stream as operators and the API see it. `url` and `failoverUrls` are redacted. */
export interface StreamRecord extends StreamRuntime {
  readonly id: string;
  readonly kind: StreamKind;
  readonly streamType: 'direct' | 'hls';
  readonly url: string;
  readonly failoverUrls: readonly string[];
  /** Redacted, too. */
  readonly failoverResolverUrl?: string;
  readonly profile?: string;
  readonly userAgent?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

export interface ClientRecord {
  readonly id: string;
  readonly streamId: string;
  /** Id of the node that holds the socket, or answered last. */
  readonly node: string;
  /** Of one asked for by its id: other nodes that it asks, too, since it has no socket. Absent: there are none. */
  readonly alsoAt?: readonly string[];
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
  readonly connectedAtMs: number;
  readonly lastActiveMs: number;
  readonly bytes: number;
  readonly lagBytes: number;
  readonly skips: number;
  /** Of HLS: segments and parts that it was given. */
  readonly segments?: number;
}

export type WorkerStatus = 'ready' | 'draining';

export interface WorkerRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Where other nodes reach it. */
  readonly url: string;
  /** Where players reach it, if that is another place. */
  readonly publicUrl?: string;
  /** Where Prometheus reaches it, if that is another place. */
  readonly metricsUrl?: string;
  readonly status: WorkerStatus;
  /** A gateway holds viewers' sockets and owns no streams. Absent: a worker. */
  readonly role?: 'worker' | 'gateway';
  readonly version: string;
  readonly ownedStreams: number;
  readonly viewers: number;
  /** The most streams it takes; 0 means no limit. */
  readonly capacity: number;
  /** FFmpeg processes it runs or is about to run, and the most it takes; 0 means no limit. Absent: 0. */
  readonly encoders?: number;
  readonly maxEncoders?: number;
  /** One-minute load average divided by the number of cores. */
  readonly load: number;
  readonly startedAtMs: number;
  /** When its process started, in clock ticks since its host booted: tells it from a later process with its pid. Absent without /proc. */
  readonly startTicks?: number;
  /** Set by the store when a heartbeat arrives. */
  readonly heartbeatMs: number;
  /**
   * In lists: false once it has been silent for a lease, by the store's own judgement. Judge by this and not by
   * `heartbeatMs`: after an outage of the store everybody's last heartbeat is old, and nobody is dead for it.
   */
  readonly alive?: boolean;
}

/** A process of a host whose stream was taken from its owner: it must not go on running. */
export interface OrphanProcess {
  readonly host: string;
  readonly pid: number;
  readonly startTicks?: number;
  readonly streamId: string;
  /** The worker that had it, and that worker's own pid. */
  readonly owner: string;
  readonly ownerPid?: number;
  /** When the stream was taken away. */
  readonly sinceMs: number;
}

export type EventType =
  | 'stream_started'
  | 'stream_stopped'
  | 'stream_failed'
  | 'client_connected'
  | 'client_disconnected'
  | 'failover_triggered'
  | 'source_switched'
  | 'viewer_skipped'
  | 'viewer_blocked'
  | 'viewer_unblocked'
  | 'viewer_refused'
  | 'source_lost'
  | 'source_faulty'
  | 'source_refused'
  | 'source_gap'
  | 'encoder_gap'
  | 'encoder_slow'
  | 'encoder_recovered'
  | 'breaker_opened'
  | 'breaker_closed'
  | 'failback_started'
  | 'failback_failed'
  | 'failover_requested'
  | 'slate_started'
  | 'slate_ended'
  | 'drill_started'
  | 'drill_ended'
  | 'slot_handed_over'
  | 'stream_preempted'
  | 'session_started'
  | 'session_refused'
  | 'session_ended'
  | 'owner_changed'
  | 'worker_lost'
  | 'reaped';

export interface ClusterEvent {
  /** Grows with time; what `readEvents` continues from. Set by the store. */
  readonly id: string;
  readonly type: EventType;
  readonly streamId: string;
  readonly atMs: number;
  readonly data: Readonly<Record<string, string | number | boolean>>;
}

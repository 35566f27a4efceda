import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UpstreamTarget } from '@streampool/upstream';
import type { DetectionOverrides } from './detection/detection-settings.ts';
import type { DrillRequest, DrillResult, GapMeasurement } from './drill/drill-api.ts';
import type { FoundMedia } from './media-finder.ts';
import type { StreamNote } from './notes.ts';

/**
 * How a stream reaches its viewers: `direct`, one provider connection per viewer, bytes untouched;
 * `shared`, one connection for all, through the ring; `transcode`, one FFmpeg for all, through the ring.
 */
export type StreamKind = 'direct' | 'shared' | 'transcode';

/** Everything the data plane must know to play a stream. Made from a stream's definition; never from a request directly. */
export interface StreamSpec {
  readonly id: string;
  readonly kind: StreamKind;
  readonly target: UpstreamTarget;
  readonly failoverUrls: readonly string[];
  /** Asked for the next source: POST `{current_url, metadata, current_failover_index, status_code, reason}` → `{next_url}`. */
  readonly resolverUrl?: string;
  /** Labels of the stream: told to the resolver, and with its events. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** On an alternative for this long, the primary is tried again; 0: never. The engine's setting by default. */
  readonly failbackAfterMs?: number;
  /** Of HLS: where the provider's redirects lead once, playlists are asked for from then on. */
  readonly stickySession?: boolean;
  /** In the place of the engine's settings; ms. */
  readonly timeouts?: {
    readonly connectMs?: number;
    readonly firstByteMs?: number;
    readonly stallMs?: number;
  };
  /** FFmpeg's arguments between the program's own (`-nostdin -progress …`) and the output; `{input_url}` stands for the door. */
  readonly ffmpegArgs?: readonly string[];
  /** FFmpeg shows a stretch of its input, at its time: one that is started later begins further in. */
  readonly programme?: ProgrammeTimes;
  /** Where it is to be watched for faults otherwise than by the settings of the process. */
  readonly detection?: DetectionOverrides;
  /** What viewers are told the body is. */
  readonly contentType: string;
  /** Whether gaps are filled with a slate; as the engine is set by default. */
  readonly slate?: boolean;
  /** The provider whose limit of connections counts; by default the one that has the URL’s host. */
  readonly providerId?: string;
  /** Where a provider allows preemption, a stream of a higher one takes the place of one of a lower one; 0 by default. */
  readonly priority?: number;
}

/** ms; `startedAtMs` by the wall clock, since the epoch. */
export interface ProgrammeTimes {
  readonly startedAtMs: number;
  /** Where in the input it begins. */
  readonly seekMs: number;
  /** Absent: to the input's end. */
  readonly durationMs?: number;
}

/** Who watches, as far as a player tells. */
export interface ViewerIdentity {
  readonly clientId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
}

/** A player at the door. The engine owns `res` (and its socket) from the call of `watch` on, unless `watch` throws. */
export interface ViewerRequest extends ViewerIdentity {
  readonly requestId: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

export type PoolState = 'idle' | 'starting' | 'live' | 'switching' | 'draining' | 'stopped' | 'failed';

/** A pool (or, for direct streams, the sum of its viewers' connections) as it is now. Times are ms since the epoch. */
export interface PoolSnapshot {
  readonly streamId: string;
  /** Labels of the stream. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly kind: StreamKind;
  readonly state: PoolState;
  readonly viewers: number;
  readonly startedAt?: number;
  /** When the last viewer came or went. */
  readonly lastAccess: number;
  readonly pid?: number;
  readonly fps?: number;
  readonly speed?: number;
  readonly bitrateKbps?: number;
  /** What viewers get. */
  readonly media?: FoundMedia;
  /** Of a transcoded stream: what FFmpeg is given, where it is a transport stream. */
  readonly inputMedia?: FoundMedia;
  readonly bytesIn: number;
  /** To viewers and other nodes. */
  readonly bytesOut: number;
  /** In a cluster: what of it went to other nodes. */
  readonly relayBytesOut?: number;
  /** What of it went to viewers without sockets, counted since then (ms since the epoch), whatever became of pools. */
  readonly carried?: { readonly bytesOut: number; readonly since: number };
  /** Of HLS: segments and parts handed to viewers. */
  readonly segmentsOut?: number;
  /** 0 is the primary URL, n the n-th failover URL. */
  readonly failoverIndex: number;
  /** What plays, with credentials; only where it is none of the stream's own URLs: somebody named it. */
  readonly namedUrl?: string;
  readonly failoverAttempts: number;
  /** Sources started again after the first (FFmpeg restarts, reconnects). */
  readonly restarts: number;
  readonly lastError?: string;
  readonly ringBytes: number;
  /** For how long viewers were shown the slate, ms. */
  readonly slateMs?: number;
  /** In a cluster: the bytes come from the node that owns the stream. */
  readonly relayed?: boolean;
  /** Viewers without sockets, or what they were sent, are all there is of it here: no pool of this process plays it. */
  readonly isCarriedOnly?: boolean;
  /** In a cluster: other nodes that play from this pool. */
  readonly relays?: number;
  /** In a cluster: the epoch of the stream's owner, as far as this pool knows; 0 while it plays without one. */
  readonly ownerEpoch?: number;
}

export interface ViewerSnapshot {
  readonly clientId: string;
  readonly streamId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
  readonly connectedAt: number;
  /** When the socket last took bytes. */
  readonly lastActive: number;
  readonly bytes: number;
  /** Bytes between this viewer's cursor and the live end of the ring. */
  readonly lagBytes: number;
  /** Times it fell out of the ring and jumped to a keyframe. */
  readonly skips: number;
  /** Of HLS: segments and parts that it was given. */
  readonly segments?: number;
}

/** How a viewer is ended. */
export interface Dismissal {
  /** It watches something else by its own doing, and may come back at once. */
  readonly hasMoved?: boolean;
  /** One without a socket is ended on this stream only: it may be here on its next one already. */
  readonly streamId?: string;
}

export type DetachReason = 'left' | 'stuck' | 'stopped' | 'failed' | 'ended' | 'kicked' | 'shutdown';

/** What happened in the data plane, as it happens. Listeners cannot break the engine or each other. */
export interface EngineEvents {
  pool_state: [{ streamId: string; from: PoolState; to: PoolState; reason: string; pid?: number }];
  /**
   * A source was replaced (restart, reconnect, failover) while the pool stayed up; gap: wall ms without new bytes.
   * `clientId`: of a direct stream, whose viewers have a source each.
   */
  source_switched: [
    {
      streamId: string;
      clientId?: string;
      reason: string;
      gapMs: number;
      failoverIndex: number;
      /** The stream's own URLs, by their index: with credentials. Beyond them is what a resolver named. */
      urls?: readonly string[];
    },
  ];
  viewer_attached: [ViewerSnapshot];
  viewer_detached: [ViewerSnapshot & { reason: DetachReason }];
  viewer_skipped: [{ streamId: string; clientId: string; bytesSkipped: number }];
  /** Whatever else explains what viewers saw: see {@link StreamNote}. Nothing depends on its being heard. */
  noted: [StreamNote & { readonly streamId: string }];
}

export interface FailoverResult {
  /** What plays now. */
  readonly failoverIndex: number;
  /** Sources opened since the stream started, after its first. */
  readonly failoverAttempts: number;
  /** With credentials; only where it is none of the stream's failover URLs. */
  readonly url?: string;
}

/** What the rest of a node may ask of its data plane. */
export interface StreamEngineApi {
  /**
   * Plays the stream to this viewer. Resolves once the response head has been written.
   * @throws StreampoolError before anything was written: UPSTREAM_*, FFMPEG_*, STREAM_FAILED, STREAM_START_TIMEOUT,
   * CAPACITY_EXHAUSTED, SHUTTING_DOWN
   */
  watch(spec: StreamSpec, viewer: ViewerRequest): Promise<void>;
  /** Ends the pool and its viewers. Resolves with the number of viewers it had once the source is gone. */
  stop(streamId: string): Promise<number>;
  /** Ends one viewer. False if it is not here. */
  disconnect(clientId: string, how?: Dismissal): boolean;
  /**
   * Changes over to another source, made ready beside the one that plays; resolves when its pictures go out.
   * `index`: 0 is the primary URL, n the n-th failover URL; the next one by default.
   * @throws StreampoolError STREAM_NOT_PLAYING (no source of it is played by this node), FAILOVER_NOT_CONFIGURED,
   *   SWITCH_SUPERSEDED, or why the other source cannot be played: then everything is as it was
   */
  failover(streamId: string, options?: { index?: number }): Promise<FailoverResult>;
  /**
   * Makes the source that plays look broken for so many seconds, and tells what the viewers of this node lost. Resolves
   * when media goes out again afterwards, or when it is clear that none will.
   * @throws StreampoolError STREAM_NOT_PLAYING (no source of it is played by this node), DRILL_NOT_POSSIBLE, DRILL_RUNNING
   */
  drill(streamId: string, request: DrillRequest): Promise<DrillResult>;
  /** Measures what the viewers that a stream has at this node get, from now on. */
  measureGaps(streamId: string): GapMeasurement;
  /** Of all streams, or of one. */
  pools(streamId?: string): PoolSnapshot[];
  viewers(streamId?: string): ViewerSnapshot[];
  on<K extends keyof EngineEvents>(event: K, listener: (...args: EngineEvents[K]) => void): () => void;
  /** Idempotent: no new viewers, all pools stopped. */
  close(): Promise<void>;
}

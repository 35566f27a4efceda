import type { WorkerStatus } from '@streampool/state';

/** What the worker knows of its standing in the cluster, for metrics and readiness. */
export interface WorkerFigures {
  readonly status: WorkerStatus;
  readonly ownedStreams: number;
  /** FFmpeg processes that run here or are about to. */
  readonly encoders: number;
  /** The most of both; 0: no limit. */
  readonly limits: { readonly maxStreams: number; readonly maxEncoders: number };
  /** Streams that came here because their owner was seen to die; since the start. */
  readonly takeovers: number;
  /** Streams that went to another owner while they were played here; since the start. */
  readonly ownershipsLost: number;
  /** Streams that this worker wanted to own: granted, or owned by another one; since the start. */
  readonly claims: { readonly granted: number; readonly refused: number };
  /** False while beats are not heard. */
  readonly connected: boolean;
  readonly unheardBeats: number;
  readonly pendingEvents: number;
  /** Never told, because they waited too long. */
  readonly droppedEvents: number;
  /** Of timelines, likewise. */
  readonly droppedEntries: number;
  readonly droppedFarewells: number;
  /** Another process has this worker's id. */
  readonly replaced: boolean;
}

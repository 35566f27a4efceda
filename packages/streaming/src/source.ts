import type { StreampoolError } from '@streampool/errors';

/** Figures a source reports about itself while it runs. Absent ones are unknown. */
export interface SourceProgress {
  readonly fps?: number;
  /** 1 is real time. */
  readonly speed?: number;
  readonly bitrateKbps?: number;
}

/** What a source calls. Calls made after `end`, or after the source was closed, are ignored by whoever listens. */
export interface SourceSink {
  /** Bytes of an MPEG transport stream, in any cut. Valid until the call returns. */
  data(chunk: Buffer): void;
  progress(progress: SourceProgress): void;
  /** The source has ended by itself: no error means the content is complete. */
  end(error?: StreampoolError): void;
}

/** A running producer of MPEG-TS: an upstream connection, an FFmpeg process, a relay from another node, a slate. */
export interface Source {
  readonly kind: 'upstream' | 'ffmpeg' | 'relay' | 'slate';
  /** Process id, where there is a process. */
  readonly pid?: number | undefined;
  start(sink: SourceSink): void;
  /** Backpressure: no `data` until `resume`. Both are idempotent. */
  pause(): void;
  resume(): void;
  /** True while silence is somebody else's fault (FFmpeg whose input is being switched): no stall is counted. */
  readonly starved?: boolean;
  /** Until when (monotonic ms) it had nothing to read: what it did not put out then is not its fault. */
  readonly hungryUntilMs?: number | undefined;
  /** Idempotent. Resolves when its sockets are closed and its process is gone. Never rejects. */
  close(): Promise<void>;
}

import type { StreampoolError } from '@streampool/errors';
import type { AccessPoint, ProgramMap } from '@streampool/mpegts';

/** A run of a stream as it enters the ring, or as the ring held it when the tap began. */
export interface TapRun {
  /** Absolute, of the first byte, in this pool's output. Runs follow on each other without a gap. */
  readonly offset: number;
  /** Whole packets, valid until the call returns. */
  readonly packets: Buffer;
  /** Where decoders can start, in order; some may lie in an earlier run (a keyframe is known once its first packets are). */
  readonly accessPoints: readonly AccessPoint[];
  /** The program map, with the first run and whenever it changed: nothing before this run's access points goes on. */
  readonly program?: ProgramMap;
  /** From this run on another source (or the slate) goes out. Its clock goes on; what it carries may be coded differently. */
  readonly splice: boolean;
}

/** Why nothing more comes. `ended`: the content is complete; `stopped`: by request, at shutdown, or by idleness. */
export interface TapEnd {
  readonly reason: 'ended' | 'failed' | 'stopped';
  readonly error?: StreampoolError;
}

export interface TapSink {
  run(run: TapRun): void;
  /** Called once, unless the tap was closed. */
  ended(end: TapEnd): void;
}

/** A reader of a pool within the process. It is no viewer, but the pool runs as long as it is there. */
export interface Tap {
  /** Idempotent. The sink hears nothing more. */
  close(): void;
}

/**
 * How a source is made to look broken: `cut`, its connection ends; `stall`, it stops sending; `error`, its provider answers
 * with an error; `black` and `silence`, the detectors find its picture or sound to be so.
 */
export const DRILL_FAULTS = ['cut', 'stall', 'error', 'black', 'silence'] as const;

export type DrillFault = (typeof DRILL_FAULTS)[number];

export interface DrillRequest {
  readonly fault: DrillFault;
  readonly seconds: number;
}

/** What viewers of one node lost. */
export interface ViewerGaps {
  /** For each viewer that was there at the beginning: the longest time in which nothing was written to it, less the delivery interval; ms. */
  readonly gapsMs: readonly number[];
  /** Of them: whose response ended with a failure. */
  readonly dropped: number;
}

/** Watches the sockets of a stream's viewers. */
export interface GapMeasurement {
  /** What they lost since the beginning. Idempotent: later calls say the same. */
  take(): ViewerGaps;
}

/** What a drill showed at the node that plays the source. */
export interface DrillResult {
  /** Another source, or another connection of the same, took over. */
  readonly switched: boolean;
  /** What plays afterwards. */
  readonly failoverIndex: number;
  /** The detectors were told of the fault: no picture or sound was really replaced. */
  readonly told: boolean;
  /** For how long viewers were shown the slate. */
  readonly slateMs: number;
  readonly viewers: ViewerGaps;
}

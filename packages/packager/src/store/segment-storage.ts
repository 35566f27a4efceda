import type { Logger } from 'pino';

export interface SegmentStorageOptions {
  /** The most bytes of segments that all streams of the process keep in memory. */
  readonly memoryBudgetBytes: number;
  /** Where segments go that memory is too small for. Absent: nowhere, windows are shortened instead. */
  readonly directory?: string;
  readonly log: Logger;
}

/** What the segments of all streams of one process take up, in bytes. */
export interface StorageSnapshot {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

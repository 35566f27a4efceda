import type { NewEvent } from './cluster-state.ts';
import type { ClusterEvent } from './records.ts';

/** What happened in the cluster, in one order for all nodes. The store keeps the newest 10,000. */
export interface EventState {
  publish(event: NewEvent): Promise<void>;
  /** Events after `after` (all that are kept, without it), oldest first; `limit` 1,000 by default. */
  readEvents(query?: { after?: string; limit?: number; streamId?: string }): Promise<ClusterEvent[]>;
  /** The place behind the newest event: read on from here for what is yet to come. */
  eventsEnd(): Promise<string>;
  /**
   * Like `readEvents`, but where there is nothing yet, it is waited for, for `waitMs` at most (5 s if it is more); then the answer
   * is empty. One wait at a time for each process: a second one may have to wait for the end of the first.
   */
  waitForEvents(query: { after: string; limit?: number; waitMs: number }): Promise<ClusterEvent[]>;
}

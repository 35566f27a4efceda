/** Work to be done again and again. It must stop soon after its signal is aborted. */
export type Job = (signal: AbortSignal) => Promise<void>;

export interface EveryOptions {
  /** The longest one run may take, in ms; then its signal is aborted. The interval by default, but at least 10 s. */
  readonly deadlineMs?: number;
  /** When the first run begins, in ms from now; after one interval by default. */
  readonly firstAfterMs?: number;
}

/** What became of a job's runs so far. */
export interface JobFigures {
  readonly name: string;
  readonly runs: number;
  /** Runs that threw, those past their deadline among them. */
  readonly failures: number;
  readonly timeouts: number;
  readonly running: boolean;
  readonly lastDurationMs?: number;
}

/**
 * Runs jobs at intervals, never two runs of one job at once. In one process by itself, in a cluster through a queue
 * that makes it one run per interval among all nodes.
 */
export interface Scheduler {
  /** The name is the job's identity: giving it again replaces the job. The interval is between the starts of two runs. */
  every(name: string, intervalMs: number, run: Job, options?: EveryOptions): void;
  figures(): JobFigures[];
  /** Idempotent: no run begins any more; those under way are aborted and waited for, within a deadline. */
  close(): Promise<void>;
}

const LEAST_DEADLINE_MS = 10_000;

/** The longest one run may take, in ms. */
export function deadlineOf(intervalMs: number, options: EveryOptions): number {
  return options.deadlineMs ?? Math.max(intervalMs, LEAST_DEADLINE_MS);
}

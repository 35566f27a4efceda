/** Something to be done once, soon, and again where it fails. */
export interface Task<T> {
  /** Names it: one that is there already, or was within the last hour, is not added again. No colons. */
  readonly id: string;
  /** JSON. */
  readonly data: T;
  /** The most times that it is tried. */
  readonly attempts: number;
}

export interface Attempt {
  /** From 1. */
  readonly attempt: number;
  readonly attempts: number;
  /** Aborted when the process closes: what is under way then is tried again elsewhere, or after the next start. */
  readonly signal: AbortSignal;
}

/** Does a task. Throwing is failing: it is tried again after a while, unless that was the last attempt. */
export type TaskHandler<T> = (data: T, attempt: Attempt) => Promise<void>;

export interface TaskFigures {
  /** Here: under way at this process. Waiting: known to this process to be waiting (in process), or in the queue (in a cluster). */
  readonly running: number;
  readonly waiting: number;
}

/** Tasks with attempts and pauses between them: in one process, or for a cluster through a queue. */
export interface TaskQueue<T> {
  /** Resolves when nothing of it can be lost any more. @throws StreampoolError STATE_UNAVAILABLE */
  add(tasks: readonly Task<T>[]): Promise<void>;
  figures(): TaskFigures;
  /** Idempotent: nothing new begins, what is under way is aborted. */
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 60_000;

/** The pause after the `failures`-th failure in a row: twice as long each time, and never twice the same; ms. */
export function pauseAfter(failures: number, random: () => number = Math.random): number {
  const whole = Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(whole * (0.75 + random() / 2));
}

/** What became of an attempt, as far as its source is to blame. */
export type Fault = 'failed' | 'refused';

/**
 * One attempt at one source: health belongs to the attempt. Said once it is over, anything further is ignored, and so is
 * the failure of an attempt that began before its source was found to be bad: that is the same failure seen twice.
 */
export interface AttemptHealth {
  /** Viewers get its pictures: the source is good enough to be asked by others. */
  played(): void;
  /** It has played long enough for what was before to count no more. */
  stable(): void;
  failed(fault: Fault): void;
  /** It ended for reasons that say nothing of the source. */
  dropped(): void;
}

/**
 * How sources are, as far as this node knows: a circuit breaker for each. A source that failed is left alone for a
 * while, longer each time; then one attempt may find out how it is now. Everything is answered at once from this node's
 * own view: the data plane never waits for the state.
 */
export interface SourceHealth {
  /** After how many ms the source may be asked; 0: now. May have changed when that time has come. */
  waitMs(key: string): number;
  /** Somebody would ask it as soon as it may be asked. */
  want(key: string): void;
  /** An attempt begins. */
  begin(key: string): AttemptHealth;
}

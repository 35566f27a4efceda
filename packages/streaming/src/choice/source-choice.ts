import type { StreampoolError } from '@streampool/errors';
import type { Attempt } from '../chain-options.ts';
import type { Fault } from './source-health.ts';

/** What a chain asks and tells about its sources beyond its own experience. None of it waits, but for `resolve`. */
export interface SourceChoice {
  /** After how many ms this source may be asked; 0: now. */
  waitMs(index: number): number;
  /** There is nothing better than this one, as soon as it may be asked. */
  want(index: number): void;
  played(attempt: Attempt): void;
  stable(attempt: Attempt): void;
  failed(attempt: Attempt, fault: Fault): void;
  /** Ended for reasons that say nothing of the source. Idempotent, and without effect after `failed`. */
  dropped(attempt: Attempt): void;
  /** The source is played here, not by another node: so it is here that it is changed. */
  isOurs(): boolean;
  /** With credentials; of sources that were named later, which nobody else knows. */
  urlOf(index: number): string | undefined;
  /**
   * Asks somebody else for the next source, after an error or at an operator's wish. Resolves to undefined where none is known.
   * Never rejects, and has a deadline. Absent: there is nobody to ask.
   */
  readonly resolve?:
    | ((lost: { index: number; error?: StreampoolError }) => Promise<Resolved | undefined>)
    | undefined;
}

export interface Resolved {
  readonly index: number;
  /** The index stands for another source than before. */
  readonly isNew: boolean;
}

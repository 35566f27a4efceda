import { StreampoolError } from '@streampool/errors';
import type { ChainOptions } from './chain-options.ts';

export interface ManualFailover {
  /** Sources that the stream has. */
  readonly alternatives: number;
  readonly choice: ChainOptions['choice'];
  /** What plays. */
  readonly current: number;
  /** The one that is wanted; by default the resolver's word, else the next one. */
  readonly wanted: number | undefined;
}

/** @throws StreampoolError FAILOVER_NOT_CONFIGURED, INVALID_REQUEST */
export async function nextByHand({ alternatives, choice, current, wanted }: ManualFailover): Promise<number> {
  if (alternatives < 2 && !choice?.resolve)
    throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the stream has no failover URL');
  if (wanted !== undefined) {
    if (wanted < alternatives || choice?.urlOf(wanted) !== undefined) return wanted;
    throw new StreampoolError(
      'INVALID_REQUEST',
      `the stream has ${alternatives} sources: 0 to ${alternatives - 1}`,
    );
  }
  const named = await choice?.resolve?.({ index: current });
  if (alternatives < 2 && !named)
    throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the resolver names no other source');
  return named?.index ?? (current + 1) % alternatives;
}

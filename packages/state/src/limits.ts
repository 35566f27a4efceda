import { StreampoolError } from '@streampool/errors';

/** Budgets that every implementation of the state keeps. */
export const LIMITS = {
  /** Records of one page. */
  pageDefault: 100,
  pageMost: 1_000,
  /** Events that are kept, and the most one read gives. */
  eventsKept: 10_000,
  eventsRead: 1_000,
  /** The longest that one wait for events takes, ms. */
  eventWaitMs: 5_000,
  deadLetters: 1_000,
  /** What one sweep looks at; the rest is for the next one. */
  sweepWorkers: 1_000,
  sweepOrphans: 5_000,
  sweepClients: 10_000,
  /** An orphaned process that nobody on its host has looked for within this time will not be looked for. */
  orphanProcessMs: 24 * 60 * 60 * 1000,
} as const;

/** Defaults of what the store calls expired. */
export const DEFAULT_LEASE_MS = 15_000;
export const DEFAULT_CLIENT_TTL_MS = 60_000;

/**
 * How much of a gap in which no node's beat arrived counts as silence of each of them, in ms. A node that beats three times
 * per lease may have been silent for a third of it before the gap; this quarter leaves it the rest to find its way back.
 */
export function countedGapMs(leaseMs: number): number {
  return Math.floor(leaseMs / 4);
}

/** A page's size: what was asked for, within the budget. */
export function pageLimit(limit: number = LIMITS.pageDefault): number {
  return Math.max(1, Math.min(Math.trunc(limit) || 1, LIMITS.pageMost));
}

/** How many events to read: what was asked for, within what is kept. */
export function eventLimit(limit: number = LIMITS.eventsRead): number {
  return Math.max(1, Math.min(Math.trunc(limit) || 1, LIMITS.eventsKept));
}

export function invalidCursor(cursor: string): StreampoolError {
  return new StreampoolError('INVALID_REQUEST', `"${cursor.slice(0, 80)}" is no place to read on from`, {
    info: { parameter: 'after' },
  });
}

/** By nearest rank, in whole ms. */
export interface GapFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What half of the viewers, 99 of 100, and all of them did not exceed. Of nobody: nothing was lost. */
export function gapsOf(gapsMs: readonly number[]): GapFigures {
  const sorted = [...gapsMs].sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: rank(0.5), p99: rank(0.99), max: rank(1) };
}

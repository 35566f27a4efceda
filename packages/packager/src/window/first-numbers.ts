import type { HlsResume } from '@streampool/hls';

const SEGMENTS_FROM_MS = Date.UTC(2020, 0, 1);
/** Segments are further apart than this on average, so that what is counted never overtakes the clock. */
const SEGMENT_APART_MS = 500;
/**
 * The same for discontinuities, as near as can be: players keep a list with one place for each number below (hls.js goes through
 * all of them at each refresh), so that the number has to be small.
 */
const DISCONTINUITIES_FROM_MS = Date.UTC(2026, 0, 1);
const DISCONTINUITY_APART_MS = 3_600_000;

export interface FirstNumbers {
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
}

/**
 * The numbers of a packager's first segment: those that follow on an earlier owner's, else numbers that are higher than those
 * that were given before, because they are made of the time.
 */
export function firstNumbers(resume: HlsResume | undefined, wallMs: number): FirstNumbers {
  if (resume)
    return {
      mediaSequence: resume.mediaSequence + 1,
      discontinuitySequence: resume.discontinuitySequence + 1,
    };
  const since = (fromMs: number, stepMs: number): number =>
    Math.max(0, Math.floor((wallMs - fromMs) / stepMs));
  return {
    mediaSequence: since(SEGMENTS_FROM_MS, SEGMENT_APART_MS),
    discontinuitySequence: since(DISCONTINUITIES_FROM_MS, DISCONTINUITY_APART_MS),
  };
}

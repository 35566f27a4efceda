import type { HlsResume } from '@streampool/hls';

/** 2020-01-01. */
const BEGINNING_MS = Date.UTC(2020, 0, 1);
/** Segments and discontinuities are further apart than this on average, so that what is counted never overtakes the clock. */
const LEAST_APART_MS = 500;

export interface FirstNumbers {
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
}

/**
 * The numbers of a packager's first segment: those that follow on an earlier owner's, else numbers that are higher than any
 * that can have been given before, because they are made of the time.
 */
export function firstNumbers(resume: HlsResume | undefined, wallMs: number): FirstNumbers {
  if (resume)
    return {
      mediaSequence: resume.mediaSequence + 1,
      discontinuitySequence: resume.discontinuitySequence + 1,
    };
  const number = Math.max(0, Math.floor((wallMs - BEGINNING_MS) / LEAST_APART_MS));
  return { mediaSequence: number, discontinuitySequence: number };
}

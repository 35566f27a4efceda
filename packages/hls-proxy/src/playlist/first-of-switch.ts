import type { ReadSegment } from '@streampool/hls';

export interface Missing {
  /** How long nothing new has been listed. */
  readonly missingMs: number;
  /** Wall clock of the end of the last segment, where the playlist says so. */
  readonly endsAtMs: number | undefined;
}

/** Two sources' clocks may differ by this much and still mean the same moment. */
const MOST_APART_MS = 60_000;

/**
 * Which segment of another source comes next: how many of its list are left out, since players have had what they show.
 * Where both say at what time of day their segments began, that decides; else so many of the newest are taken as
 * the time since the last new one asks for, so that little is shown twice and nothing is left out.
 */
export function firstOfSwitch(segments: readonly ReadSegment[], { missingMs, endsAtMs }: Missing): number {
  if (segments.length === 0) return 0;
  const byClock =
    endsAtMs === undefined
      ? -1
      : segments.findIndex(
          ({ startsAtMs, durationMs }) =>
            startsAtMs !== undefined &&
            startsAtMs + durationMs / 2 > endsAtMs &&
            startsAtMs - endsAtMs < MOST_APART_MS,
        );
  if (byClock >= 0) return byClock;
  let first = segments.length - 1;
  // Sources are not in step: half a segment more or less says nothing.
  const enoughMs = missingMs - segments[first]!.durationMs / 2;
  for (let ms = segments[first]!.durationMs; ms < enoughMs && first > 0; ms += segments[first]!.durationMs)
    first -= 1;
  return first;
}

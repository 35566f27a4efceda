/** Keyframes are not placed to the millisecond: a segment that is nearly long enough is. */
const NEARLY = 0.9;
/** While somebody waits for the first segments, ms. */
const SHORTEST_MS = 500;
/** A source's keyframes may come later than they have so far. */
const HEAD_ROOM = 1.25;
/** A part may be so much longer than the pictures in it should be. */
const JITTER = 1.04;

export interface CutQuestion {
  /** From the segment's first picture to the keyframe that has come. */
  readonly elapsedMs: number;
  readonly segmentMs: number;
  /** No segment may be longer. */
  readonly limitMs: number;
  /** From one keyframe to the next, the longest of late. */
  readonly gopMs: number;
  /** Somebody waits for the first picture. */
  readonly hurried: boolean;
}

/** Whether a segment ends at a keyframe. */
export function cutsAt({ elapsedMs, segmentMs, limitMs, gopMs, hurried }: CutQuestion): boolean {
  if (elapsedMs >= segmentMs * NEARLY) return true;
  if (hurried && elapsedMs >= SHORTEST_MS) return true;
  return elapsedMs + gopMs > limitMs;
}

/**
 * A playlist's target duration in whole seconds, decided once: no segment may ever be longer (RFC 8216 §4.3.3.1), and the
 * value must not change (§6.2.1).
 */
export function targetDuration(
  segmentMs: number,
  { gopMs, longestMs }: { gopMs: number; longestMs: number },
): number {
  const gops = gopMs > 0 ? Math.ceil((segmentMs * NEARLY) / gopMs) * gopMs : segmentMs;
  return Math.ceil(Math.max(segmentMs * HEAD_ROOM, gops * HEAD_ROOM, longestMs) / 1000);
}

/** The longest that parts may be, ms, so that they have 85 % of it at least (rfc8216bis §4.4.3.7) with pictures that far apart. */
export function partTarget(partMs: number, stepMs: number): number {
  return Math.ceil(Math.max(1, Math.round(partMs / stepMs)) * stepMs * JITTER);
}

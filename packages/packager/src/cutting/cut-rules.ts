/** Keyframes are not placed to the millisecond: a segment that is nearly long enough is. */
const NEARLY = 0.9;
/** While somebody waits for the first segments, ms. */
const SHORTEST_MS = 500;
/** A source's keyframes may come later than they have so far. */
const HEAD_ROOM = 1.2;
/** Durations are rounded before they are compared with the target duration (RFC 8216 §4.3.3.1): that much fits on top, ms. */
const ROUNDED_OFF_MS = 499;
/**
 * Beyond what the standard's arithmetic asks for, ms: VLC decodes a second ahead of what it shows, FFmpeg looks at its clock ten
 * times a second, and a machine is late now and then.
 */
const PLAYERS_AHEAD_MS = 1_500;
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
 * A playlist's target duration in whole seconds, decided once: no segment may ever be longer than {@link longestOf} it
 * (RFC 8216 §4.3.3.1), and the value must not change (§6.2.1). Not longer than need be: players come back after as long.
 */
export function targetDuration(
  segmentMs: number,
  { gopMs, longestMs }: { gopMs: number; longestMs: number },
): number {
  const neededMs = Math.max(segmentMs * HEAD_ROOM, usualLength(segmentMs, gopMs) * HEAD_ROOM, longestMs);
  return Math.max(1, Math.ceil((neededMs - ROUNDED_OFF_MS) / 1000));
}

/** Of segments of whole GOPs, ms. */
function usualLength(segmentMs: number, gopMs: number): number {
  return gopMs > 0 ? Math.ceil((segmentMs * NEARLY) / gopMs) * gopMs : segmentMs;
}

/**
 * How far behind the live end a player must begin so that its picture never has to wait, ms: what is new is there a segment
 * after what was new before, and it learns of that up to a target duration later (RFC 8216 §6.3.4).
 */
export function startDistance(
  segmentMs: number,
  { gopMs, longestMs, targetDurationS }: { gopMs: number; longestMs: number; targetDurationS: number },
): number {
  return Math.max(usualLength(segmentMs, gopMs), longestMs) + 1000 * targetDurationS + PLAYERS_AHEAD_MS;
}

/** The longest that a segment may be with a target duration in whole seconds, ms. */
export function longestOf(targetDurationS: number): number {
  return 1000 * targetDurationS + ROUNDED_OFF_MS;
}

/** The longest that parts may be, ms, so that they have 85 % of it at least (rfc8216bis §4.4.3.7) with pictures that far apart. */
export function partTarget(partMs: number, stepMs: number): number {
  return Math.ceil(Math.max(1, Math.round(partMs / stepMs)) * stepMs * JITTER);
}

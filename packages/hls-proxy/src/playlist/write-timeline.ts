import type { ReadPlaylist, ReadSegment } from '@streampool/hls';

/** A segment with our numbers. */
export interface Listed {
  readonly segment: ReadSegment;
  /** Of the source that it comes from. */
  readonly era: number;
  /** Which stretch of which source it belongs to. */
  readonly stretch: string;
  /** The provider's own number. */
  readonly number: number;
  readonly sequence: number;
  /** Of the segment, its own tag counted. */
  readonly discontinuity: number;
  /** It has an EXT-X-DISCONTINUITY of its own. */
  readonly isMarked: boolean;
  /** It needs one. */
  readonly needsMark: boolean;
  /** It was listed, and cannot be had any more: its number and its time stay (EXT-X-GAP). */
  readonly isGap: boolean;
}

const SKIP_VERSION = 9;
const GAP_VERSION = 8;
const IV_VERSION = 2;
const VERSION = /^#EXT-X-VERSION:/;

/** What EXT-X-TARGETDURATION has to be for these segments, s. */
export function targetOf(list: ReadPlaylist, listed: readonly Listed[]): number {
  // No spread: a film of a day has more segments than a call takes arguments.
  return listed.reduce(
    (most, { segment }) => Math.max(most, Math.round(segment.durationMs / 1000)),
    list.targetDurationMs / 1000,
  );
}

/** The playlist of these segments, with the head and the tail of the source that plays now. */
export function writeTimeline(list: ReadPlaylist, listed: readonly Listed[], skip: boolean): string {
  const lines: string[] = [];
  const first = listed[0];
  const skipped = skip ? skippable(list, listed) : 0;
  const version = Math.max(
    skipped > 0 ? SKIP_VERSION : 0,
    listed.some(({ isGap }) => isGap) ? GAP_VERSION : 0,
    listed.some(needsVector) ? IV_VERSION : 0,
    Number(list.head.find((line) => VERSION.test(line))?.split(':')[1]) || 0,
  );
  for (const line of list.head) {
    if (/^#EXT-X-TARGETDURATION:/.test(line)) lines.push(`#EXT-X-TARGETDURATION:${targetOf(list, listed)}`);
    else if (!VERSION.test(line)) lines.push(line);
    if (/^#EXTM3U/.test(line) && version > 0) lines.push(`#EXT-X-VERSION:${version}`);
  }
  const isFirstMarked = first !== undefined && (first.isMarked || first.needsMark);
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${first?.sequence ?? list.mediaSequence}`);
  lines.push(
    `#EXT-X-DISCONTINUITY-SEQUENCE:${Math.max(0, (first?.discontinuity ?? 0) - (isFirstMarked ? 1 : 0))}`,
  );
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  listed.forEach((one, index) => {
    if (index >= skipped) writeSegment(lines, one, listed[index - 1]);
  });
  writeTail(lines, list.tail, listed.at(-1));
  return `${lines.join('\n')}\n`;
}

function writeSegment(lines: string[], one: Listed, before: Listed | undefined): void {
  const { segment, needsMark, isGap } = one;
  if (needsMark) lines.push('#EXT-X-DISCONTINUITY');
  const isSeam = before?.stretch !== one.stretch;
  const own = new Set(segment.lines.map((line) => line.trim()));
  if (isSeam) {
    const inForce = [...segment.keys, ...(segment.map === undefined ? [] : [segment.map])];
    // What was in force before ends here.
    if (before && before.segment.keys.length > 0 && segment.keys.length === 0)
      lines.push('#EXT-X-KEY:METHOD=NONE');
    lines.push(...inForce.filter((line) => !own.has(line)).map((line) => withVector(line, one)));
  } else if (needsVector(one))
    lines.push(...segment.keys.filter((line) => !own.has(line)).map((line) => withVector(line, one)));
  if (isGap && !own.has('#EXT-X-GAP')) lines.push('#EXT-X-GAP');
  for (const line of segment.lines) lines.push(withVector(isSeam ? withOffset(line, segment) : line, one));
}

/** The parts of the segment after the last one are encrypted as that will be. */
function writeTail(lines: string[], tail: readonly string[], last: Listed | undefined): void {
  const hasParts = tail.some((line) => /^\s*#EXT-X-PART:/.test(line));
  if (!last || !hasParts || !needsVector(last)) {
    for (const line of tail) lines.push(line);
    return;
  }
  const next = { number: last.number + 1, sequence: last.sequence + 1 };
  const hasKeys = tail.some((line) => /^\s*#EXT-X-KEY:/.test(line));
  for (const line of [...(hasKeys ? [] : last.segment.keys), ...tail]) lines.push(withVector(line, next));
}

/**
 * A key without an IV is used with the segment's number (RFC 8216 §5.2). The provider has used its own number, which players cannot
 * know where ours is another one.
 */
function needsVector({ segment, number, sequence }: Listed): boolean {
  return number !== sequence && segment.keys.some(isWithoutVector);
}

function isWithoutVector(line: string): boolean {
  return (
    /^\s*#EXT-X-KEY:/.test(line) &&
    !/\bMETHOD=NONE\b/.test(line) &&
    !/\bKEYFORMAT="(?!identity")/.test(line) &&
    !/[:,]\s*IV=/.test(line)
  );
}

function withVector(line: string, { number, sequence }: Pick<Listed, 'number' | 'sequence'>): string {
  if (number === sequence || !isWithoutVector(line)) return line;
  return `${line.trimEnd()},IV=0x${number.toString(16).padStart(32, '0')}`;
}

/** The offset of a byte range may only be left out where the range before it is listed (RFC 8216 §4.3.2.2). */
function withOffset(line: string, { byteRange }: ReadSegment): string {
  if (!byteRange || !/^#EXT-X-BYTERANGE:\s*\d+\s*$/.test(line)) return line;
  return `#EXT-X-BYTERANGE:${byteRange.length}@${byteRange.offset}`;
}

/** How many segments are farther from the end than what the provider lets players skip. */
function skippable({ canSkipUntilMs }: ReadPlaylist, listed: readonly Listed[]): number {
  if (canSkipUntilMs === undefined || listed.some(({ stretch }) => stretch !== listed[0]?.stretch)) return 0;
  let ms = 0;
  for (let index = listed.length - 1; index >= 0; index -= 1) {
    ms += listed[index]!.segment.durationMs;
    if (ms > canSkipUntilMs) return index;
  }
  return 0;
}

import { type ListedSegment, type MediaPlaylist, parseMediaPlaylist } from './media-playlist.ts';

/** What an earlier owner's list named that is still to be had here. */
export interface FrontOptions {
  /** Whether a segment is to be had, though the new owner does not know it. */
  readonly isKept: (uri: string) => boolean;
}

const DISCONTINUITY = '#EXT-X-DISCONTINUITY';
const TARGET = /^#EXT-X-TARGETDURATION:\s*(\d+)/;
const LEAST_TARGETS = 3;

/** What a segment needs from those before it: one that is not listed with it would be read with the wrong key or map. */
const CARRIED_ON = /^#EXT-X-(?:KEY|MAP|BITRATE):/;

/**
 * The list of a new owner with those segments of the former one's list in front that directly precede it and are still to be
 * had, so that a player which had not loaded them yet loses nothing (RFC 8216 §6.2.2 lets a server add nothing there, but
 * to players the list is one that goes on). As the new list grows, fewer of them are shown: no longer in all than the former
 * list was, but never less than three target durations (§6.2.2). Undefined: there is nothing to put in front, or the two do not fit each other.
 */
export function keepInFront(
  former: MediaPlaylist,
  next: MediaPlaylist,
  { isKept }: FrontOptions,
): MediaPlaylist | undefined {
  const [first] = next.segments;
  if (!first) return undefined;
  const before = former.segments.filter(({ sequence }) => sequence < first.sequence);
  const newest = before.at(-1);
  if (newest?.sequence !== first.sequence - 1) return undefined;
  const leastMs = Math.max(lengthOf(former.segments), LEAST_TARGETS * targetOf(next.head));
  const kept = lastOnes(before, leastMs - lengthOf(next.segments), isKept);
  const [oldest] = kept;
  if (!oldest) return undefined;
  const isMarked = first.lines.some((line) => line.trim() === DISCONTINUITY);
  // The numbering of discontinuities must come out at what the new owner says.
  const missing = first.discontinuity - newest.discontinuity - (isMarked ? 1 : 0);
  const canMark = missing === 1 && !isMarked;
  if (missing !== 0 && !canMark) return undefined;
  const marks = [...(canMark ? [DISCONTINUITY] : []), ...keyEnd(former, first)];
  const seam: ListedSegment = { ...first, lines: [...marks, ...first.lines] };
  const ownMarks = oldest.lines.filter((line) => line.trim() === DISCONTINUITY).length;
  return {
    ...next,
    head: withTargetOf(next.head, [...kept, ...next.segments]),
    mediaSequence: oldest.sequence,
    discontinuitySequence: oldest.discontinuity - ownMarks,
    segments: [
      ...[withState(former, oldest), ...kept.slice(1)].map(withoutParts),
      ...[seam, ...next.segments.slice(1)],
    ],
  };
}

/** As {@link keepInFront}, of texts. */
export function frontOf(former: string, next: string, options: FrontOptions): MediaPlaylist | undefined {
  const [earlier, later] = [parseMediaPlaylist(former), parseMediaPlaylist(next)];
  return earlier && later && keepInFront(earlier, later, options);
}

/** The newest of them without a hole: as many as make up that time, as far as there are. */
function lastOnes(
  segments: readonly ListedSegment[],
  ms: number,
  isKept: (uri: string) => boolean,
): ListedSegment[] {
  const hole = segments.findLastIndex(({ uri }) => !isKept(uri));
  const kept = segments.slice(hole + 1);
  let surplusMs = lengthOf(kept) - ms;
  while (kept[0] && surplusMs >= kept[0].durationMs) surplusMs -= kept.shift()!.durationMs;
  return kept;
}

function lengthOf(segments: readonly ListedSegment[]): number {
  return segments.reduce((sum, { durationMs }) => sum + durationMs, 0);
}

function targetOf(head: readonly string[]): number {
  const line = head.find((text) => TARGET.test(text)) ?? '';
  return Number(TARGET.exec(line)?.[1] ?? 0) * 1_000;
}

/** The first one listed brings along the key and the map that came with an earlier one. */
function withState(former: MediaPlaylist, oldest: ListedSegment): ListedSegment {
  const inForce = new Map<string, string>();
  const note = (line: string): void => {
    const [tag] = CARRIED_ON.exec(line) ?? [];
    if (tag !== undefined) inForce.set(tag, line);
  };
  for (const line of former.head) note(line);
  for (const segment of former.segments) {
    if (segment.sequence === oldest.sequence) break;
    segment.lines.forEach(note);
  }
  const own = new Set(oldest.lines.flatMap((line) => CARRIED_ON.exec(line)?.[0] ?? []));
  const brought = [...inForce].flatMap(([tag, line]) => (own.has(tag) ? [] : [line]));
  return { ...oldest, lines: [...brought, ...oldest.lines] };
}

/** Partial segments are of use at the live end only, and not kept. */
function withoutParts(segment: ListedSegment): ListedSegment {
  return { ...segment, lines: segment.lines.filter((line) => !line.startsWith('#EXT-X-PART:')) };
}

/** A key holds until another one comes (§4.3.2.4): what is not encrypted any more has to say so. */
function keyEnd(former: MediaPlaylist, first: ListedSegment): string[] {
  const isKey = (line: string): boolean => line.startsWith('#EXT-X-KEY:');
  const last = former.segments.flatMap(({ lines }) => lines.filter(isKey)).at(-1);
  const isEncrypted = last !== undefined && !last.includes('METHOD=NONE');
  return isEncrypted && !first.lines.some(isKey) ? ['#EXT-X-KEY:METHOD=NONE'] : [];
}

/** No segment may be longer than the list says (§4.3.3.1). */
function withTargetOf(head: readonly string[], segments: readonly ListedSegment[]): string[] {
  const longest = Math.max(...segments.map(({ durationMs }) => Math.round(durationMs / 1_000)));
  return head.map((line) => {
    const said = TARGET.exec(line)?.[1];
    return said !== undefined && Number(said) < longest ? `#EXT-X-TARGETDURATION:${longest}` : line;
  });
}

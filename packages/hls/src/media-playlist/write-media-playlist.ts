import type {
  PlaylistHead,
  PlaylistPart,
  PlaylistSegment,
  PlaylistTail,
  ServerControl,
} from './media-playlist.ts';

/** The media type of playlists (RFC 8216 §4). */
export const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';

/** Decimal fractions of durations need version 3, delta updates version 9 (rfc8216bis §8). */
const VERSION = 3;
const VERSION_WITH_SKIP = 9;

/**
 * The first lines of a media playlist. A playlist is its head, its segments and its tail, one after another; they are
 * written apart so that what does not change need not be written again.
 */
export function writeHead(head: PlaylistHead): string {
  const { serverControl, partTargetMs, startMs, skippedSegments } = head;
  return lines([
    '#EXTM3U',
    `#EXT-X-VERSION:${skippedSegments ? VERSION_WITH_SKIP : VERSION}`,
    `#EXT-X-TARGETDURATION:${head.targetDurationS}`,
    serverControl && `#EXT-X-SERVER-CONTROL:${writeServerControl(serverControl)}`,
    partTargetMs !== undefined && `#EXT-X-PART-INF:PART-TARGET=${seconds(partTargetMs)}`,
    `#EXT-X-MEDIA-SEQUENCE:${head.mediaSequence}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${head.discontinuitySequence}`,
    head.independentSegments && '#EXT-X-INDEPENDENT-SEGMENTS',
    startMs !== undefined && `#EXT-X-START:TIME-OFFSET=${seconds(startMs)},PRECISE=YES`,
    skippedSegments ? `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skippedSegments}` : false,
  ]);
}

/** One segment, with its parts where players are told of them. */
export function writeSegment(segment: PlaylistSegment, parts: readonly PlaylistPart[] = []): string {
  const { discontinuity, programDateTimeMs, durationMs, uri } = segment;
  return lines([
    discontinuity && '#EXT-X-DISCONTINUITY',
    programDateTimeMs !== undefined && `#EXT-X-PROGRAM-DATE-TIME:${dateTime(programDateTimeMs)}`,
    ...parts.map(writePart),
    `#EXTINF:${seconds(durationMs)},`,
    uri,
  ]);
}

/**
 * What follows the last complete segment. `next`: the segment that the parts belong to, where something is to be said of it
 * already.
 */
export function writeTail(
  { parts = [], preloadHint, ended }: PlaylistTail,
  next: Pick<PlaylistSegment, 'discontinuity' | 'programDateTimeMs'> = { discontinuity: false },
): string {
  return lines([
    parts.length > 0 && next.discontinuity && '#EXT-X-DISCONTINUITY',
    parts.length > 0 &&
      next.programDateTimeMs !== undefined &&
      `#EXT-X-PROGRAM-DATE-TIME:${dateTime(next.programDateTimeMs)}`,
    ...parts.map(writePart),
    preloadHint !== undefined && !ended && `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${preloadHint}"`,
    ended && '#EXT-X-ENDLIST',
  ]);
}

function writePart({ uri, durationMs, independent }: PlaylistPart): string {
  return `#EXT-X-PART:DURATION=${seconds(durationMs)},URI="${uri}"${independent ? ',INDEPENDENT=YES' : ''}`;
}

function writeServerControl({ canBlockReload, canSkipUntilMs, partHoldBackMs }: ServerControl): string {
  return [
    canBlockReload && 'CAN-BLOCK-RELOAD=YES',
    canSkipUntilMs !== undefined && `CAN-SKIP-UNTIL=${seconds(canSkipUntilMs)}`,
    partHoldBackMs !== undefined && `PART-HOLD-BACK=${seconds(partHoldBackMs)}`,
  ]
    .filter(Boolean)
    .join(',');
}

/** Ms as seconds to the microsecond, without an exponent (RFC 8216 §4.2: decimal-floating-point). */
function seconds(ms: number): string {
  return (Math.round(ms * 1000) / 1_000_000).toFixed(6).replace(/0{1,3}$/, '');
}

/** ISO 8601 in UTC, to the millisecond. */
function dateTime(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}

function lines(all: readonly (string | false | undefined)[]): string {
  return all
    .filter((line) => typeof line === 'string')
    .map((line) => `${line}\n`)
    .join('');
}

import type { HlsResume } from '@streampool/hls';

/** A segment with all lines that belong to it (RFC 8216 §4.3.2), tags before its URI. */
export interface ListedSegment {
  readonly lines: readonly string[];
  readonly uri: string;
  /** Media sequence number (§6.2.2). */
  readonly sequence: number;
  /** Of this segment, its own EXT-X-DISCONTINUITY included (§4.3.3.3). */
  readonly discontinuity: number;
  readonly durationMs: number;
}

/** A media playlist as far as its window has to be known; every line is kept as it is. */
export interface MediaPlaylist {
  /** What stands before the first segment, without the two sequence numbers. */
  readonly head: readonly string[];
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly segments: readonly ListedSegment[];
  /** What follows the last segment: parts of the next one, hints, EXT-X-ENDLIST. */
  readonly tail: readonly string[];
}

/** Tags that begin a segment's own lines where they come before its URI. Keys and maps hold for all that follow, too. */
const OF_SEGMENT =
  /^#(?:EXTINF|EXT-X-(?:BYTERANGE|DISCONTINUITY|KEY|MAP|PROGRAM-DATE-TIME|GAP|BITRATE|PART|DATERANGE))(?=[:\s]|$)/;

/** Undefined where this is no media playlist: one of variants, or a delta update (which lists only a part of the window). */
export function parseMediaPlaylist(text: string): MediaPlaylist | undefined {
  if (/^#EXT-X-(?:STREAM-INF|SKIP):/m.test(text) || !/^#EXT-X-TARGETDURATION:/m.test(text)) return undefined;
  const head: string[] = [];
  const segments: ListedSegment[] = [];
  let pending: string[] = [];
  let mediaSequence = 0;
  let discontinuitySequence = 0;
  let discontinuity = 0;
  let durationMs = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const [, name, value] = /^#EXT-X-(MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE):\s*(\d+)/.exec(line) ?? [];
    if (name === 'MEDIA-SEQUENCE') mediaSequence = Number(value);
    else if (name === 'DISCONTINUITY-SEQUENCE') {
      discontinuitySequence = Number(value);
      discontinuity += discontinuitySequence;
    } else if (!line.startsWith('#')) {
      const sequence = mediaSequence + segments.length;
      segments.push({ lines: [...pending, line], uri: line.trim(), sequence, discontinuity, durationMs });
      pending = [];
    } else if (segments.length === 0 && pending.length === 0 && !OF_SEGMENT.test(line)) head.push(line);
    else {
      if (/^#EXT-X-DISCONTINUITY\s*$/.test(line)) discontinuity += 1;
      const seconds = /^#EXTINF:\s*([\d.]+)/.exec(line)?.[1];
      if (seconds !== undefined) durationMs = Number(seconds) * 1_000;
      pending.push(line);
    }
  }
  return { head, mediaSequence, discontinuitySequence, segments, tail: pending };
}

export function writeMediaPlaylist(playlist: MediaPlaylist): string {
  const { head, mediaSequence, discontinuitySequence, segments, tail } = playlist;
  const numbers = [
    `#EXT-X-MEDIA-SEQUENCE:${mediaSequence}`,
    ...(discontinuitySequence > 0 ? [`#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence}`] : []),
  ];
  return `${[...head, ...numbers, ...segments.flatMap(({ lines }) => lines), ...tail].join('\n')}\n`;
}

/** How far a media playlist has come; undefined where it names no segment. */
export function progressOf({ segments }: MediaPlaylist): HlsResume | undefined {
  const newest = segments.at(-1);
  return newest && { mediaSequence: newest.sequence, discontinuitySequence: newest.discontinuity };
}

import type { HlsMedia } from './hls-media.ts';
import type { HlsTimeline } from './hls-timeline.ts';

export interface PlaylistShape {
  readonly media: HlsMedia;
  readonly timeline: HlsTimeline;
  readonly type: 'live' | 'event' | 'vod';
  /** The URI of a resource of the channel, as it is to be written. */
  readonly uri: (name: string) => string;
  readonly encrypted: boolean;
  /** All media in one file, as byte ranges. */
  readonly single: boolean;
  readonly lowLatency: boolean;
  readonly continued: boolean;
  /** The wall clock of place 0, ms; undefined for no dates. */
  readonly startDate: number | undefined;
  /** Written as they are, behind the header. */
  readonly extraTags: readonly string[];
  /** URIs of playlists of the same presentation. */
  readonly reports: readonly string[];
}

/** How far back from its end a low-latency playlist names parts, and what it may leave out, in target durations. */
const PARTS_BACK = 3;
const SKIP_BACK = 6;

export function targetDurationOf(media: HlsMedia): number {
  return Math.ceil(Math.max(...media.seconds) - 1e-6);
}

/** The bytes of each segment where all are in one file, behind the initialization section. */
export function rangesIn(media: HlsMedia): { readonly offset: number; readonly length: number }[] {
  let offset = media.init?.length ?? 0;
  return media.seconds.map((_, index) => {
    const { length } = media.segment(0, index, true);
    offset += length;
    return { offset: offset - length, length };
  });
}

/** The media playlist (RFC 8216 §4.3.2, §4.3.3) as it is now; with `skip`, a delta update (second edition §6.2.5.1). */
export function writeMediaPlaylist(shape: PlaylistShape, skip: boolean): string {
  const { media, timeline, uri, type, lowLatency } = shape;
  const { first, end, parts } = timeline.listed();
  const target = targetDurationOf(media);
  const partTarget = Math.max(...media.parts.flat(), 0);
  const sequence = (place: number): number => place + timeline.offset;
  const length = (from: number, to: number): number => timeline.startOf(to) - timeline.startOf(from);
  const ranges = shape.single ? rangesIn(media) : [];

  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${lowLatency ? 9 : media.init ? 7 : shape.single ? 4 : 3}`,
    `#EXT-X-TARGETDURATION:${target}`,
    ...shape.extraTags,
  ];
  if (lowLatency) {
    lines.push(
      `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${(3 * partTarget).toFixed(3)},CAN-SKIP-UNTIL=${(SKIP_BACK * target).toFixed(1)}`,
      `#EXT-X-PART-INF:PART-TARGET=${partTarget.toFixed(3)}`,
    );
  }
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${sequence(first)}`);
  const round = (place: number): number => Math.floor(place / timeline.perRound);
  if (!shape.continued) {
    // The tag in front of a round's first segment is gone together with that segment.
    const gone = Math.floor(Math.max(0, first - 1) / timeline.perRound);
    lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${first === 0 ? 0 : gone}`);
  }
  if (type !== 'live') lines.push(`#EXT-X-PLAYLIST-TYPE:${type.toUpperCase()}`);
  let from = first;
  if (skip && lowLatency) {
    while (length(from + 1, end) >= SKIP_BACK * target && from + 1 < end) from += 1;
    if (from > first) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${from - first}`);
  }
  if (media.init && from === first)
    lines.push(
      shape.single
        ? `#EXT-X-MAP:URI="${uri('media.mp4')}",BYTERANGE="${media.init.length}@0"`
        : `#EXT-X-MAP:URI="${uri('init.mp4')}"`,
    );
  const partLines = (place: number, count: number): void => {
    for (let part = 0; part < count; part++)
      lines.push(
        `#EXT-X-PART:DURATION=${media.parts[place % timeline.perRound]![part]!.toFixed(3)},URI="${uri(`part-${sequence(place)}.${part}.m4s`)}",INDEPENDENT=YES`,
      );
  };
  for (let place = from; place < end; place++) {
    if (!shape.continued && place > 0 && place % timeline.perRound === 0) lines.push('#EXT-X-DISCONTINUITY');
    // A key per round, its IV the sequence number as the standard's default (§5.2).
    if (shape.encrypted && (place === from || place % timeline.perRound === 0))
      lines.push(`#EXT-X-KEY:METHOD=AES-128,URI="${uri(`key-${round(place)}.bin`)}"`);
    if (shape.startDate !== undefined)
      lines.push(
        `#EXT-X-PROGRAM-DATE-TIME:${new Date(shape.startDate + timeline.startOf(place) * 1_000).toISOString()}`,
      );
    const index = place % timeline.perRound;
    if (lowLatency && length(place, end) <= PARTS_BACK * target) partLines(place, media.parts[index]!.length);
    lines.push(`#EXTINF:${media.seconds[index]!.toFixed(3)},`);
    const range = ranges[index];
    if (range)
      lines.push(
        `#EXT-X-BYTERANGE:${range.length}@${range.offset}`,
        uri(`media.${media.init ? 'mp4' : 'ts'}`),
      );
    else lines.push(uri(`segment-${sequence(place)}.${media.extension}`));
  }
  if (lowLatency) {
    partLines(end, parts);
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${uri(`part-${sequence(end)}.${parts}.m4s`)}"`);
    const last =
      parts > 0
        ? { msn: end, part: parts - 1 }
        : { msn: end - 1, part: media.parts[(end - 1) % timeline.perRound]!.length - 1 };
    for (const report of shape.reports)
      lines.push(
        `#EXT-X-RENDITION-REPORT:URI="${report}",LAST-MSN=${sequence(last.msn)},LAST-PART=${last.part}`,
      );
  }
  if (type === 'vod') lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

/** The key frames alone (§4.3.3.6), as byte ranges of the segments. */
export function writeIFramePlaylist(shape: PlaylistShape): string {
  const { media, timeline, uri } = shape;
  const { first, end } = timeline.listed();
  const lines = [
    ...[
      '#EXTM3U',
      '#EXT-X-VERSION:4',
      `#EXT-X-TARGETDURATION:${targetDurationOf(media)}`,
      '#EXT-X-I-FRAMES-ONLY',
    ],
    `#EXT-X-MEDIA-SEQUENCE:${first + timeline.offset}`,
  ];
  if (shape.type !== 'live') lines.push(`#EXT-X-PLAYLIST-TYPE:${shape.type.toUpperCase()}`);
  for (let place = first; place < end; place++) {
    const index = place % timeline.perRound;
    lines.push(
      `#EXTINF:${media.seconds[index]!.toFixed(3)},`,
      `#EXT-X-BYTERANGE:${media.pictureBytes?.(index) ?? 0}@0`,
      uri(`segment-${place + timeline.offset}.${media.extension}`),
    );
  }
  if (shape.type === 'vod') lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

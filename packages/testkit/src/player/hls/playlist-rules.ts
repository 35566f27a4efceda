import { lowLatencyRules } from './low-latency-rules.ts';
import { multivariantRules } from './multivariant-rules.ts';
import { type Playlist, parsePlaylist } from './playlist.ts';

/** Tags that a playlist has once at most (RFC 8216 §4.3). */
const ONCE = [
  ...[
    'EXTM3U',
    'EXT-X-VERSION',
    'EXT-X-TARGETDURATION',
    'EXT-X-MEDIA-SEQUENCE',
    'EXT-X-DISCONTINUITY-SEQUENCE',
  ],
  ...[
    'EXT-X-ENDLIST',
    'EXT-X-PLAYLIST-TYPE',
    'EXT-X-I-FRAMES-ONLY',
    'EXT-X-INDEPENDENT-SEGMENTS',
    'EXT-X-START',
  ],
  ...['EXT-X-SERVER-CONTROL', 'EXT-X-PART-INF', 'EXT-X-SKIP'],
];
const MEDIA_ONLY =
  /^(?:EXTINF|EXT-X-(?:BYTERANGE|DISCONTINUITY|KEY|MAP|PROGRAM-DATE-TIME|DATERANGE|GAP|BITRATE|TARGETDURATION|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE|ENDLIST|PLAYLIST-TYPE|I-FRAMES-ONLY|PART|PART-INF|SERVER-CONTROL|PRELOAD-HINT|RENDITION-REPORT|SKIP))$/;
const MULTIVARIANT_ONLY =
  /^EXT-X-(?:MEDIA|STREAM-INF|I-FRAME-STREAM-INF|SESSION-DATA|SESSION-KEY|CONTENT-STEERING)$/;

/** How far a date may be from what the durations before it say: rounding, not drift. */
const DATE_TOLERANCE_MS = 250;

/** Reads a playlist and checks everything that can be said of it by itself. */
export function checkPlaylist(text: string): Playlist {
  const playlist = parsePlaylist(text);
  const { violations, tags } = playlist;
  for (const name of ONCE)
    violations.must(tags.filter((tag) => tag.name === name).length <= 1, '4.3', `#${name} more than once`);
  const forbidden = playlist.kind === 'media' ? MULTIVARIANT_ONLY : MEDIA_ONLY;
  for (const { name, line } of tags)
    violations.must(!forbidden.test(name), '4.3.3', `#${name} in a ${playlist.kind} playlist`, line);
  violations.must(
    playlist.version >= neededVersion(playlist),
    '7',
    `EXT-X-VERSION ${playlist.version} is too low: ${neededVersion(playlist)}`,
  );
  if (playlist.kind === 'multivariant') multivariantRules(playlist);
  else {
    mediaRules(playlist);
    lowLatencyRules(playlist);
  }
  return playlist;
}

/** §7: the version that what is used asks for. */
function neededVersion({ tags, segments, iFramesOnly, partTarget }: Playlist): number {
  const has = (name: string): boolean => tags.some((tag) => tag.name === name);
  const attribute = (tag: string, name: string): boolean =>
    tags.some((one) => one.name === tag && one.attributes.has(name));
  if (has('EXT-X-SKIP')) return attribute('EXT-X-SKIP', 'RECENTLY-REMOVED-DATERANGES') ? 10 : 9;
  if (has('EXT-X-DEFINE')) return 8;
  if (has('EXT-X-MAP')) return iFramesOnly ? 5 : 6;
  if (attribute('EXT-X-KEY', 'KEYFORMAT') || attribute('EXT-X-KEY', 'KEYFORMATVERSIONS')) return 5;
  if (segments.some(({ range }) => range) || iFramesOnly) return 4;
  if (partTarget !== undefined || tags.some(({ name, text }) => name === 'EXTINF' && /^\d+\./.test(text)))
    return 3;
  return attribute('EXT-X-KEY', 'IV') ? 2 : 1;
}

function mediaRules(playlist: Playlist): void {
  const { violations, segments, tags, targetDuration, iFramesOnly } = playlist;
  violations.must(!Number.isNaN(targetDuration), '4.3.3.1', 'no EXT-X-TARGETDURATION');
  for (const { seconds, line } of segments)
    violations.must(
      !(Math.round(seconds) > targetDuration),
      '4.3.3.1',
      `EXTINF ${seconds} is longer than the target duration ${targetDuration}`,
      line,
    );
  violations.must(segments.length > 0 || playlist.skipped > 0, '6.2.1', 'a media playlist without a segment');
  if (iFramesOnly)
    for (const { range, map, line } of segments)
      violations.must(
        range !== undefined || map !== undefined,
        '4.3.3.6',
        'an I-frame without byte range or map',
        line,
      );
  const seen = new Map<string, number>();
  for (const { uri, range, sequence, line } of segments) {
    const key = `${uri} ${range ? `${range.length}@${range.offset}` : ''}`;
    violations.must(
      !seen.has(key),
      '4.3.2',
      `the same segment under ${seen.get(key)} and ${sequence}: ${uri}`,
      line,
    );
    seen.set(key, sequence);
  }
  dateRules(playlist);
  const dates = tags.filter(({ name }) => name === 'EXT-X-DATERANGE');
  for (const { attributes, line } of dates) {
    const [start, end] = [attributes.get('START-DATE'), attributes.get('END-DATE')].map((text) =>
      Date.parse(text ?? ''),
    );
    violations.must(!(end! < start!), '4.3.2.7', 'END-DATE before START-DATE', line);
    const endOnNext = attributes.has('END-ON-NEXT');
    violations.must(!endOnNext || attributes.has('CLASS'), '4.3.2.7', 'END-ON-NEXT without CLASS', line);
    violations.must(
      !endOnNext || !(attributes.has('DURATION') || attributes.has('END-DATE')),
      '4.3.2.7',
      'END-ON-NEXT with an end',
      line,
    );
  }
  violations.must(
    dates.length === 0 || segments.some(({ date }) => date !== undefined),
    '4.3.2.7',
    'EXT-X-DATERANGE without EXT-X-PROGRAM-DATE-TIME',
  );
}

/** §4.3.2.6, §6.2.1: dates go on with the durations, from one discontinuity to the next; over it, they do not go back. */
function dateRules({ violations, segments }: Playlist): void {
  let expected: number | undefined;
  let newest = Number.NEGATIVE_INFINITY;
  for (const { date, seconds, discontinuity, line } of segments) {
    if (discontinuity) expected = undefined;
    if (date !== undefined) {
      violations.must(!(date < newest), '6.2.1', 'EXT-X-PROGRAM-DATE-TIME goes back', line);
      if (expected !== undefined)
        violations.must(
          Math.abs(date - expected) <= DATE_TOLERANCE_MS,
          '4.3.2.6',
          `EXT-X-PROGRAM-DATE-TIME is ${Math.round(date - expected)} ms off what the durations say`,
          line,
        );
      newest = date;
    }
    const begin = date ?? expected;
    expected = begin === undefined ? undefined : begin + seconds * 1_000;
  }
}

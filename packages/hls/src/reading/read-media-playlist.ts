import { parseAttributes } from '../attribute-list.ts';

/** A media segment as it stands in a playlist: its lines, and what earlier lines say of it. */
export interface ReadSegment {
  readonly uri: string;
  readonly durationMs: number;
  /** The segment's tags and its URI, in their order. */
  readonly lines: readonly string[];
  /** Its encoding differs from that of the segment before it (EXT-X-DISCONTINUITY). */
  readonly isDiscontinuity: boolean;
  /** EXT-X-KEY lines in force, also those among its own; none where it is not encrypted. */
  readonly keys: readonly string[];
  /** The EXT-X-MAP line in force. */
  readonly map: string | undefined;
  /** Of EXT-X-PROGRAM-DATE-TIME, or counted on from the last one; ms since the epoch. */
  readonly startsAtMs: number | undefined;
  /** The part of the resource, with the offset that EXT-X-BYTERANGE may leave out. */
  readonly byteRange: { readonly length: number; readonly offset: number } | undefined;
}

/** A media playlist (RFC 8216 §4.3.3) taken apart by segments, with nothing lost. */
export interface ReadPlaylist {
  /** Lines before the first segment's, without the two sequence numbers. */
  readonly head: readonly string[];
  readonly mediaSequence: number;
  /** Undefined where the playlist does not say: 0. */
  readonly discontinuitySequence: number | undefined;
  readonly segments: readonly ReadSegment[];
  /** Lines after the last segment's: parts of the next one, hints, reports, the end. */
  readonly tail: readonly string[];
  /** 0 where it is missing. */
  readonly targetDurationMs: number;
  readonly isEnded: boolean;
  readonly type: 'VOD' | 'EVENT' | undefined;
  /** Low latency (draft-pantos-hls-rfc8216bis): parts of the segment that is not complete, and how long one is. */
  readonly openParts: number;
  readonly partTargetMs: number | undefined;
  readonly canBlockReload: boolean;
  /** How far from the end segments may be skipped in an update, ms. */
  readonly canSkipUntilMs: number | undefined;
}

/** Tags that stand before the segments and say something of the whole playlist. */
const PLAYLIST_TAGS: ReadonlySet<string> = new Set([
  'EXTM3U',
  'EXT-X-VERSION',
  'EXT-X-TARGETDURATION',
  'EXT-X-MEDIA-SEQUENCE',
  'EXT-X-DISCONTINUITY-SEQUENCE',
  'EXT-X-PLAYLIST-TYPE',
  'EXT-X-I-FRAMES-ONLY',
  'EXT-X-INDEPENDENT-SEGMENTS',
  'EXT-X-START',
  'EXT-X-DEFINE',
  'EXT-X-SERVER-CONTROL',
  'EXT-X-PART-INF',
  'EXT-X-SKIP',
  'EXT-X-ALLOW-CACHE',
]);

/** Segment tags (RFC 8216 §4.3.2): with the first of them the head is over. Unknown tags and remarks before it belong to the head. */
const SEGMENT_TAG =
  /^EXT(?:INF|-X-(?:BYTERANGE|DISCONTINUITY|KEY|MAP|PROGRAM-DATE-TIME|DATERANGE|GAP|BITRATE|PART|PRELOAD-HINT|RENDITION-REPORT|ENDLIST|CUE.*|SCTE35|OATCLS.*))$/;

const DROPPED = new Set(['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE']);

/** Whether a playlist names other playlists instead of segments. */
export function isMultivariant(text: string): boolean {
  return /^[ \t]*#EXT-X-(?:STREAM-INF|I-FRAME-STREAM-INF|MEDIA):/m.test(text);
}

/** Takes a media playlist apart. What is malformed counts as absent; nothing is thrown. */
export function readMediaPlaylist(text: string): ReadPlaylist {
  const reader = new Reader();
  for (const line of text.split(/\r\n|\n|\r/)) reader.read(line);
  return reader.playlist();
}

class Reader {
  readonly #head: string[] = [];
  readonly #segments: ReadSegment[] = [];
  readonly #numbers = new Map<string, number>();
  #lines: string[] = [];
  #inHead = true;
  #isEnded = false;
  #type: 'VOD' | 'EVENT' | undefined;
  #control: ReadonlyMap<string, string> = new Map();
  #partTargetMs: number | undefined;
  #openParts = 0;
  // What the next segment inherits.
  #keys = new Map<string, string>();
  #map: string | undefined;
  #nextStartMs: number | undefined;
  #lastRange: { uri: string; end: number } | undefined;
  // What its own tags say.
  #durationMs = 0;
  #isDiscontinuity = false;
  #range: { length: number; offset: number | undefined } | undefined;

  read(raw: string): void {
    const line = raw.trim();
    if (line === '') return;
    if (!line.startsWith('#')) {
      this.#inHead = false;
      this.#lines.push(raw);
      this.#close(line);
      return;
    }
    const [, tag = '', value = ''] = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/s.exec(line) ?? [];
    if (SEGMENT_TAG.test(tag)) this.#inHead = false;
    this.#note(tag, value.trim(), line);
    if (DROPPED.has(tag)) return;
    if (this.#inHead || PLAYLIST_TAGS.has(tag)) this.#head.push(raw);
    else this.#lines.push(raw);
  }

  playlist(): ReadPlaylist {
    const seconds = (name: string): number | undefined => {
      const value = Number.parseFloat(this.#control.get(name) ?? '');
      return Number.isFinite(value) ? value * 1000 : undefined;
    };
    return {
      head: this.#head,
      mediaSequence: this.#numbers.get('EXT-X-MEDIA-SEQUENCE') ?? 0,
      discontinuitySequence: this.#numbers.get('EXT-X-DISCONTINUITY-SEQUENCE'),
      segments: this.#segments,
      tail: this.#lines,
      targetDurationMs: (this.#numbers.get('EXT-X-TARGETDURATION') ?? 0) * 1000,
      isEnded: this.#isEnded,
      type: this.#type,
      openParts: this.#openParts,
      partTargetMs: this.#partTargetMs,
      canBlockReload: this.#control.get('CAN-BLOCK-RELOAD') === 'YES',
      canSkipUntilMs: seconds('CAN-SKIP-UNTIL'),
    };
  }

  #note(tag: string, value: string, line: string): void {
    switch (tag) {
      case 'EXT-X-MEDIA-SEQUENCE':
      case 'EXT-X-DISCONTINUITY-SEQUENCE':
      case 'EXT-X-TARGETDURATION': {
        const number = Number.parseFloat(value);
        if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) this.#numbers.set(tag, Math.trunc(number));
        break;
      }
      case 'EXT-X-PLAYLIST-TYPE':
        if (value === 'VOD' || value === 'EVENT') this.#type = value;
        break;
      case 'EXT-X-ENDLIST':
        this.#isEnded = true;
        break;
      case 'EXT-X-SERVER-CONTROL':
        this.#control = parseAttributes(value);
        break;
      case 'EXT-X-PART-INF': {
        const target = Number.parseFloat(parseAttributes(value).get('PART-TARGET') ?? '');
        if (target > 0) this.#partTargetMs = target * 1000;
        break;
      }
      case 'EXT-X-PART':
        this.#openParts += 1;
        break;
      case 'EXTINF':
        this.#durationMs = Math.max(0, Math.round(Number.parseFloat(value) * 1000)) || 0;
        break;
      case 'EXT-X-DISCONTINUITY':
        this.#isDiscontinuity = true;
        break;
      case 'EXT-X-KEY':
        this.#noteKey(value, line);
        break;
      case 'EXT-X-MAP':
        this.#map = line;
        break;
      case 'EXT-X-PROGRAM-DATE-TIME': {
        const at = Date.parse(value);
        this.#nextStartMs = Number.isNaN(at) ? undefined : at;
        break;
      }
      case 'EXT-X-BYTERANGE': {
        const [, length, offset] = /^(\d+)(?:@(\d+))?/.exec(value) ?? [];
        if (length !== undefined)
          this.#range = { length: Number(length), offset: offset === undefined ? undefined : Number(offset) };
        break;
      }
    }
  }

  /** Keys of several formats may be in force side by side (RFC 8216 §4.3.2.4). */
  #noteKey(value: string, line: string): void {
    const attributes = parseAttributes(value);
    const isFirst = !this.#lines.some((other) => other.trimStart().startsWith('#EXT-X-KEY:'));
    if (isFirst || attributes.get('METHOD') === 'NONE') this.#keys = new Map();
    if (attributes.get('METHOD') !== 'NONE') this.#keys.set(attributes.get('KEYFORMAT') ?? 'identity', line);
  }

  #close(uri: string): void {
    const start = this.#nextStartMs;
    const offset =
      this.#range && (this.#range.offset ?? (this.#lastRange?.uri === uri ? this.#lastRange.end : 0));
    const byteRange = this.#range && { length: this.#range.length, offset: offset ?? 0 };
    this.#segments.push({
      uri,
      durationMs: this.#durationMs,
      lines: this.#lines,
      isDiscontinuity: this.#isDiscontinuity,
      keys: [...this.#keys.values()],
      map: this.#map,
      startsAtMs: start,
      byteRange,
    });
    this.#nextStartMs = start === undefined ? undefined : start + this.#durationMs;
    this.#lastRange = byteRange && { uri, end: byteRange.offset + byteRange.length };
    this.#lines = [];
    this.#durationMs = 0;
    this.#isDiscontinuity = false;
    this.#range = undefined;
    this.#openParts = 0;
  }
}

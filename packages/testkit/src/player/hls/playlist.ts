import { ATTRIBUTES, type Attributes, parseAttributes } from './attributes.ts';
import { Violations } from './violation.ts';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface KeyTag {
  readonly method: string;
  readonly uri: string | undefined;
  readonly iv: string | undefined;
}

export interface MapTag {
  readonly uri: string;
  readonly range: ByteRange | undefined;
}

export interface PartTag {
  readonly uri: string;
  readonly seconds: number;
  readonly range: ByteRange | undefined;
  readonly independent: boolean;
  readonly gap: boolean;
  readonly line: number;
}

export interface SegmentEntry {
  readonly uri: string;
  readonly seconds: number;
  readonly range: ByteRange | undefined;
  readonly key: KeyTag | undefined;
  readonly map: MapTag | undefined;
  readonly discontinuity: boolean;
  readonly gap: boolean;
  /** Of EXT-X-PROGRAM-DATE-TIME at this very segment, ms. */
  readonly date: number | undefined;
  readonly parts: readonly PartTag[];
  readonly sequence: number;
  readonly discontinuitySequence: number;
  readonly line: number;
}

export interface Tag {
  readonly name: string;
  /** Behind the colon. */
  readonly text: string;
  readonly attributes: Attributes;
  readonly line: number;
}

export interface VariantEntry {
  readonly uri: string;
  readonly attributes: Attributes;
  readonly line: number;
}

/** A playlist as it stands, and what is wrong with it by itself. URIs are as they are written. */
export interface Playlist {
  readonly kind: 'media' | 'multivariant';
  readonly tags: readonly Tag[];
  readonly version: number;
  readonly segments: readonly SegmentEntry[];
  readonly variants: readonly VariantEntry[];
  readonly targetDuration: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly type: 'EVENT' | 'VOD' | undefined;
  readonly ended: boolean;
  readonly iFramesOnly: boolean;
  /** Segments that a delta update leaves out. */
  readonly skipped: number;
  readonly partTarget: number | undefined;
  /** Parts of the segment that is not complete. */
  readonly trailingParts: readonly PartTag[];
  /** A discontinuity in front of the segment that is not complete. */
  readonly trailingDiscontinuity: boolean;
  readonly violations: Violations;
}

const PLAIN_TAGS: Readonly<Record<string, RegExp>> = {
  EXTM3U: /^$/,
  'EXT-X-VERSION': /^\d+$/,
  EXTINF: /^\d+(?:\.\d+)?,.*$/,
  'EXT-X-BYTERANGE': /^\d+(?:@\d+)?$/,
  'EXT-X-DISCONTINUITY': /^$/,
  'EXT-X-GAP': /^$/,
  'EXT-X-PROGRAM-DATE-TIME': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?$/,
  'EXT-X-TARGETDURATION': /^\d+$/,
  'EXT-X-MEDIA-SEQUENCE': /^\d+$/,
  'EXT-X-DISCONTINUITY-SEQUENCE': /^\d+$/,
  'EXT-X-ENDLIST': /^$/,
  'EXT-X-PLAYLIST-TYPE': /^(?:EVENT|VOD)$/,
  'EXT-X-I-FRAMES-ONLY': /^$/,
  'EXT-X-INDEPENDENT-SEGMENTS': /^$/,
};

/** The text of a playlist, read strictly by RFC 8216 §4 (and its second edition for what the first does not have). */
export function parsePlaylist(text: string): Playlist {
  const violations = new Violations();
  const lines = text.split(/\r\n|\n/);
  violations.must(lines[0] === '#EXTM3U', '4.3.1.1', 'the first line is not #EXTM3U', 1);
  violations.must(!text.startsWith('\ufeff'), '4.1', 'a byte order mark', 1);
  lines.forEach((line, index) => {
    violations.must(!/[\p{Cc}\ufffd]/u.test(line), '4.1', 'control characters, or no UTF-8', index + 1);
  });
  const reading = new Reading(violations);
  for (const [index, line] of lines.entries()) reading.take(line, index + 1);
  return reading.done();
}

class Reading {
  readonly tags: Tag[] = [];
  readonly #segments: SegmentEntry[] = [];
  readonly #variants: VariantEntry[] = [];
  readonly #violations: Violations;
  #extinf: { seconds: number } | undefined;
  #streamInf: Tag | undefined;
  #range: string | undefined;
  #discontinuity = false;
  #gap = false;
  #date: number | undefined;
  #key: KeyTag | undefined;
  #map: MapTag | undefined;
  #parts: PartTag[] = [];
  #sequence = 0;
  #discontinuitySequence = 0;
  #skipped = 0;
  /** Where the last byte range of each resource ended. */
  readonly #rangeEnds = new Map<string, number>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  take(line: string, number: number): void {
    if (line === '') return;
    if (!line.startsWith('#')) {
      this.#uri(line, number);
      return;
    }
    if (!line.startsWith('#EXT')) return; // a comment
    const [, name = '', , text = ''] = /^#([^:]*)(:(.*))?$/s.exec(line) ?? [];
    const pattern = PLAIN_TAGS[name];
    this.#violations.must(
      !pattern || pattern.test(text),
      '4.3',
      `#${name} may not say ${text || 'nothing'}`,
      number,
    );
    const attributes = ATTRIBUTES[name] ? parseAttributes(name, text, this.#violations, number) : new Map();
    const tag: Tag = { name, text, attributes, line: number };
    this.tags.push(tag);
    this.#tag(tag);
  }

  #tag({ name, text, attributes, line }: Tag): void {
    const before = (rule: string): void =>
      this.#violations.must(
        this.#segments.length === 0 && this.#skipped === 0,
        rule,
        `#${name} behind a segment`,
        line,
      );
    switch (name) {
      case 'EXTINF':
        this.#violations.must(!this.#extinf, '4.3.2.1', 'EXTINF without a URI', line);
        this.#extinf = { seconds: Number.parseFloat(text) };
        break;
      case 'EXT-X-BYTERANGE':
        this.#range = text;
        break;
      case 'EXT-X-DISCONTINUITY':
        this.#violations.must(
          !this.#discontinuity,
          '4.3.2.3',
          'two discontinuities before one segment',
          line,
        );
        this.#discontinuity = true;
        this.#discontinuitySequence += 1;
        break;
      case 'EXT-X-GAP':
        this.#gap = true;
        break;
      case 'EXT-X-PROGRAM-DATE-TIME':
        this.#date = Date.parse(text);
        break;
      case 'EXT-X-MEDIA-SEQUENCE':
        before('4.3.3.2');
        this.#sequence = Number(text);
        break;
      case 'EXT-X-DISCONTINUITY-SEQUENCE':
        before('4.3.3.3');
        this.#violations.must(!this.#discontinuity, '4.3.3.3', `#${name} behind #EXT-X-DISCONTINUITY`, line);
        this.#discontinuitySequence = Number(text);
        break;
      case 'EXT-X-SKIP':
        before('bis 4.4.5.2');
        this.#skipped = Number(attributes.get('SKIPPED-SEGMENTS') ?? 0);
        this.#sequence += this.#skipped;
        break;
      case 'EXT-X-KEY':
        this.#key = this.#keyOf(attributes, line);
        break;
      case 'EXT-X-MAP': {
        const uri = attributes.get('URI') ?? '';
        this.#map = { uri, range: this.#rangeOf(attributes.get('BYTERANGE'), uri, line, true) };
        break;
      }
      case 'EXT-X-PART': {
        const uri = attributes.get('URI') ?? '';
        this.#parts.push({
          ...{ uri, seconds: Number(attributes.get('DURATION') ?? Number.NaN), line },
          range: this.#rangeOf(attributes.get('BYTERANGE'), uri, line),
          ...{ independent: attributes.get('INDEPENDENT') === 'YES', gap: attributes.get('GAP') === 'YES' },
        });
        break;
      }
      case 'EXT-X-STREAM-INF':
        this.#violations.must(!this.#streamInf, '4.3.4.2', 'EXT-X-STREAM-INF without a URI', line);
        this.#streamInf = { name, text, attributes, line };
    }
  }

  #keyOf(attributes: Attributes, line: number): KeyTag | undefined {
    const [method = '', uri, iv] = [attributes.get('METHOD'), attributes.get('URI'), attributes.get('IV')];
    if (method === 'NONE') {
      this.#violations.must(attributes.size === 1, '4.3.2.4', 'METHOD=NONE with other attributes', line);
      return undefined;
    }
    this.#violations.must(
      /^(?:AES-128|SAMPLE-AES(?:-CTR)?)$/.test(method),
      '4.3.2.4',
      `METHOD=${method}`,
      line,
    );
    this.#violations.must(uri !== undefined, '4.3.2.4', 'a key without URI', line);
    this.#violations.must(
      iv === undefined || /^0[xX][0-9A-Fa-f]{1,32}$/.test(iv),
      '4.3.2.4',
      'an IV of more than 128 bits',
      line,
    );
    return { method, uri, iv };
  }

  #uri(line: string, number: number): void {
    this.#violations.must(!/\s/.test(line), '4.1', `white space in a URI: ${line}`, number);
    if (this.#streamInf) {
      this.#variants.push({ uri: line, attributes: this.#streamInf.attributes, line: this.#streamInf.line });
      this.#streamInf = undefined;
      return;
    }
    this.#violations.must(this.#extinf !== undefined, '4.3.2.1', `a segment without EXTINF: ${line}`, number);
    this.#segments.push({
      ...{ uri: line, seconds: this.#extinf?.seconds ?? 0, line: number, parts: this.#parts },
      range: this.#rangeOf(this.#range, line, number),
      ...{
        key: this.#key,
        map: this.#map,
        discontinuity: this.#discontinuity,
        gap: this.#gap,
        date: this.#date,
      },
      ...{ sequence: this.#sequence, discontinuitySequence: this.#discontinuitySequence },
    });
    this.#sequence += 1;
    this.#parts = [];
    [this.#extinf, this.#range, this.#date] = [undefined, undefined, undefined];
    [this.#discontinuity, this.#gap] = [false, false];
  }

  #rangeOf(text: string | undefined, uri: string, line: number, isMap = false): ByteRange | undefined {
    if (text === undefined) return undefined;
    const [, length, offset] = /^(\d+)(?:@(\d+))?$/.exec(text) ?? [];
    if (length === undefined) {
      this.#violations.add('4.3.2.2', `no byte range: ${text}`, line);
      return undefined;
    }
    const from = offset === undefined ? (isMap ? 0 : this.#rangeEnds.get(uri)) : Number(offset);
    this.#violations.must(
      from !== undefined,
      '4.3.2.2',
      'a byte range without offset has none before it',
      line,
    );
    this.#rangeEnds.set(uri, (from ?? 0) + Number(length));
    return { offset: from ?? 0, length: Number(length) };
  }

  done(): Playlist {
    const violations = this.#violations;
    violations.must(!this.#extinf, '4.3.2.1', 'EXTINF without a URI');
    violations.must(!this.#streamInf, '4.3.4.2', 'EXT-X-STREAM-INF without a URI');
    const text = (name: string): string | undefined => this.tags.find((tag) => tag.name === name)?.text;
    const has = (name: string): boolean => text(name) !== undefined;
    const multivariant = ['EXT-X-STREAM-INF', 'EXT-X-MEDIA', 'EXT-X-I-FRAME-STREAM-INF'].some(has);
    const partTarget = this.tags.find(({ name }) => name === 'EXT-X-PART-INF')?.attributes.get('PART-TARGET');
    return {
      ...{
        kind: multivariant ? 'multivariant' : 'media',
        tags: this.tags,
        violations,
        skipped: this.#skipped,
      },
      ...{ version: Number(text('EXT-X-VERSION') ?? 1), segments: this.#segments, variants: this.#variants },
      targetDuration: Number(text('EXT-X-TARGETDURATION') ?? Number.NaN),
      mediaSequence: Number(text('EXT-X-MEDIA-SEQUENCE') ?? 0),
      discontinuitySequence: Number(text('EXT-X-DISCONTINUITY-SEQUENCE') ?? 0),
      type: text('EXT-X-PLAYLIST-TYPE') as Playlist['type'],
      ...{ ended: has('EXT-X-ENDLIST'), iFramesOnly: has('EXT-X-I-FRAMES-ONLY') },
      ...{ trailingParts: this.#parts, trailingDiscontinuity: this.#discontinuity },
      partTarget: partTarget === undefined ? undefined : Number(partTarget),
    };
  }
}

import type { Violations } from './violation.ts';

/** The kinds of attribute values of RFC 8216 §4.2. `text`: what follows the name is no attribute list. */
export type AttributeKind = 'integer' | 'hex' | 'float' | 'signed' | 'quoted' | 'enum' | 'resolution';

export type Attributes = ReadonlyMap<string, string>;

const VALUES: Record<AttributeKind, RegExp> = {
  integer: /^\d{1,20}$/,
  hex: /^0[xX][0-9A-Fa-f]+$/,
  float: /^\d+(?:\.\d+)?$/,
  signed: /^-?\d+(?:\.\d+)?$/,
  quoted: /^"[^"\r\n]*"$/,
  enum: /^[^",\s]+$/,
  resolution: /^\d+x\d+$/,
};
const MOST_INTEGER = 2n ** 64n - 1n;

/** Attributes by tag, with the kind of their values. Other attributes are allowed, and of any kind. */
export const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, AttributeKind>>>> = {
  'EXT-X-KEY': { METHOD: 'enum', URI: 'quoted', IV: 'hex', KEYFORMAT: 'quoted', KEYFORMATVERSIONS: 'quoted' },
  'EXT-X-SESSION-KEY': {
    METHOD: 'enum',
    URI: 'quoted',
    IV: 'hex',
    KEYFORMAT: 'quoted',
    KEYFORMATVERSIONS: 'quoted',
  },
  'EXT-X-MAP': { URI: 'quoted', BYTERANGE: 'quoted' },
  'EXT-X-DATERANGE': {
    ...{ ID: 'quoted', CLASS: 'quoted', 'START-DATE': 'quoted', 'END-DATE': 'quoted', DURATION: 'float' },
    ...{ 'PLANNED-DURATION': 'float', 'SCTE35-CMD': 'hex', 'SCTE35-OUT': 'hex', 'SCTE35-IN': 'hex' },
    'END-ON-NEXT': 'enum',
  },
  'EXT-X-MEDIA': {
    ...{ TYPE: 'enum', URI: 'quoted', 'GROUP-ID': 'quoted', LANGUAGE: 'quoted', 'ASSOC-LANGUAGE': 'quoted' },
    ...{ NAME: 'quoted', DEFAULT: 'enum', AUTOSELECT: 'enum', FORCED: 'enum', 'INSTREAM-ID': 'quoted' },
    ...{ CHARACTERISTICS: 'quoted', CHANNELS: 'quoted' },
  },
  'EXT-X-STREAM-INF': {
    ...{ BANDWIDTH: 'integer', 'AVERAGE-BANDWIDTH': 'integer', CODECS: 'quoted', RESOLUTION: 'resolution' },
    ...{ 'FRAME-RATE': 'float', 'HDCP-LEVEL': 'enum', AUDIO: 'quoted', VIDEO: 'quoted', SUBTITLES: 'quoted' },
  },
  'EXT-X-I-FRAME-STREAM-INF': {
    ...{ BANDWIDTH: 'integer', 'AVERAGE-BANDWIDTH': 'integer', CODECS: 'quoted', RESOLUTION: 'resolution' },
    ...{ 'HDCP-LEVEL': 'enum', VIDEO: 'quoted', URI: 'quoted' },
  },
  'EXT-X-SESSION-DATA': { 'DATA-ID': 'quoted', VALUE: 'quoted', URI: 'quoted', LANGUAGE: 'quoted' },
  'EXT-X-START': { 'TIME-OFFSET': 'signed', PRECISE: 'enum' },
  'EXT-X-SERVER-CONTROL': {
    ...{ 'CAN-SKIP-UNTIL': 'float', 'CAN-SKIP-DATERANGES': 'enum', 'HOLD-BACK': 'float' },
    ...{ 'PART-HOLD-BACK': 'float', 'CAN-BLOCK-RELOAD': 'enum' },
  },
  'EXT-X-PART-INF': { 'PART-TARGET': 'float' },
  'EXT-X-PART': { URI: 'quoted', DURATION: 'float', INDEPENDENT: 'enum', BYTERANGE: 'quoted', GAP: 'enum' },
  'EXT-X-PRELOAD-HINT': {
    TYPE: 'enum',
    URI: 'quoted',
    'BYTERANGE-START': 'integer',
    'BYTERANGE-LENGTH': 'integer',
  },
  'EXT-X-RENDITION-REPORT': { URI: 'quoted', 'LAST-MSN': 'integer', 'LAST-PART': 'integer' },
  'EXT-X-SKIP': { 'SKIPPED-SEGMENTS': 'integer', 'RECENTLY-REMOVED-DATERANGES': 'quoted' },
};

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  'EXT-X-KEY': ['METHOD'],
  'EXT-X-SESSION-KEY': ['METHOD'],
  'EXT-X-MAP': ['URI'],
  'EXT-X-DATERANGE': ['ID'],
  'EXT-X-MEDIA': ['TYPE', 'GROUP-ID', 'NAME'],
  'EXT-X-STREAM-INF': ['BANDWIDTH'],
  'EXT-X-I-FRAME-STREAM-INF': ['BANDWIDTH', 'URI'],
  'EXT-X-SESSION-DATA': ['DATA-ID'],
  'EXT-X-START': ['TIME-OFFSET'],
  'EXT-X-PART-INF': ['PART-TARGET'],
  'EXT-X-PART': ['URI', 'DURATION'],
  'EXT-X-PRELOAD-HINT': ['TYPE', 'URI'],
  'EXT-X-RENDITION-REPORT': ['URI'],
  'EXT-X-SKIP': ['SKIPPED-SEGMENTS'],
};

/** Values that an enumerated attribute may have, where the standard closes the list. */
const ENUMERATED: Readonly<Record<string, RegExp>> = {
  'EXT-X-MEDIA TYPE': /^(?:AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS)$/,
  'EXT-X-MEDIA DEFAULT': /^(?:YES|NO)$/,
  'EXT-X-MEDIA AUTOSELECT': /^(?:YES|NO)$/,
  'EXT-X-MEDIA FORCED': /^(?:YES|NO)$/,
  'EXT-X-PRELOAD-HINT TYPE': /^(?:PART|MAP)$/,
  'EXT-X-PART INDEPENDENT': /^YES$/,
  'EXT-X-PART GAP': /^YES$/,
  'EXT-X-SERVER-CONTROL CAN-BLOCK-RELOAD': /^YES$/,
  'EXT-X-DATERANGE END-ON-NEXT': /^YES$/,
};

/** Reads the attribute list of a tag (§4.2), quotes taken off, and notes what is wrong with it. */
export function parseAttributes(tag: string, text: string, violations: Violations, line: number): Attributes {
  const found = new Map<string, string>();
  const kinds = ATTRIBUTES[tag] ?? {};
  let rest = text;
  while (rest !== '') {
    const match = /^([A-Z0-9-]+)=("[^"]*"|[^",]*)(,|$)/.exec(rest);
    if (!match || (match[3] === ',' && match[0].length === rest.length)) {
      violations.add('4.2', `${tag}: no attribute list: ${rest}`, line);
      break;
    }
    const [whole, name = '', value = ''] = match;
    rest = rest.slice(whole.length);
    violations.must(!found.has(name), '4.2', `${tag}: ${name} twice`, line);
    const kind = kinds[name];
    // The only attribute that is either: CLOSED-CAPTIONS=NONE, CLOSED-CAPTIONS="group".
    const valid = kind ? VALUES[kind].test(value) : VALUES.quoted.test(value) || VALUES.enum.test(value);
    violations.must(valid, '4.2', `${tag}: ${name} is no ${kind ?? 'attribute value'}: ${value}`, line);
    if (kind === 'integer' && valid)
      violations.must(BigInt(value) <= MOST_INTEGER, '4.2', `${tag}: ${name} is too high`, line);
    const allowed = ENUMERATED[`${tag} ${name}`];
    violations.must(!allowed || allowed.test(value), '4.3', `${tag}: ${name} may not be ${value}`, line);
    found.set(name, value.startsWith('"') ? value.slice(1, -1) : value);
  }
  for (const name of REQUIRED[tag] ?? [])
    violations.must(found.has(name), '4.3', `${tag} without ${name}`, line);
  return found;
}

import { StreampoolError } from '@streampool/errors';
import { parseAttributes, replaceAttributes } from './attribute-list.ts';
import { resolveUri, schemeOf } from './uri-reference.ts';
import { PlaylistVariables, VARIABLE } from './variables.ts';

/** What a URI in a playlist leads to. */
export type UriRole =
  | 'playlist'
  | 'segment'
  | 'part'
  | 'key'
  | 'map'
  | 'rendition'
  | 'iframe'
  | 'session-data'
  /** What is played in between: a playlist of its own (rfc8216bis appendix D), or a list of such playlists as JSON. */
  | 'asset'
  | 'asset-list'
  | 'preload-hint'
  | 'rendition-report';

export interface RewriteOptions {
  /** The URL that the playlist came from, after redirects: http or https. */
  readonly baseUrl: string;
  /** Gets an absolute http(s) URL as the playlist meant it, byte for byte; returns what is to stand in its place. */
  readonly rewriteUri: (absoluteUrl: string, role: UriRole) => string;
  /** The same for `data:` URIs, but those of playlists, which are refused. Absent: they are left. */
  readonly rewriteData?: (uri: string, role: UriRole) => string;
  /** Values of the multivariant playlist's variables, for a media playlist that imports them. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The attributes that are URIs, by tag (RFC 8216 §4.3 and draft-pantos-hls-rfc8216bis). */
const URI_ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, UriRole>>>> = {
  'EXT-X-KEY': { URI: 'key' },
  'EXT-X-SESSION-KEY': { URI: 'key' },
  'EXT-X-MAP': { URI: 'map' },
  'EXT-X-MEDIA': { URI: 'rendition' },
  'EXT-X-I-FRAME-STREAM-INF': { URI: 'iframe' },
  'EXT-X-SESSION-DATA': { URI: 'session-data' },
  'EXT-X-CONTENT-STEERING': { 'SERVER-URI': 'session-data' },
  'EXT-X-PART': { URI: 'part' },
  'EXT-X-PRELOAD-HINT': { URI: 'preload-hint' },
  'EXT-X-RENDITION-REPORT': { URI: 'rendition-report' },
  'EXT-X-DATERANGE': { 'X-ASSET-URI': 'asset', 'X-ASSET-LIST': 'asset-list' },
};

const NESTED_PLAYLISTS: ReadonlySet<UriRole> = new Set([
  'playlist',
  'rendition',
  'iframe',
  'rendition-report',
  'asset',
]);

/** Keys of DRM systems are names, not places. */
const KEY_SCHEMES: ReadonlySet<string> = new Set(['skd', 'urn']);

/** What no playlist holds (RFC 8216 §4.1) and what ends a line for FFmpeg (NUL), so that a comment could hide an address. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get through.
const CONTROLS = /[\0-\x08\v\f\x0e-\x1f\x7f]/g;

const BYTE_ORDER_MARK = /^(?:\ufeff|\u00ef\u00bb\u00bf)/;
const HEADER = '#EXTM3U';

/**
 * Rewrites every URI of an HLS playlist (multivariant or media, RFC 8216 §4). All other bytes stay as they are: unknown
 * tags, byte ranges, line ends. Relative references, also those to the root and without a scheme, are resolved
 * against `baseUrl`; variables (EXT-X-DEFINE) are filled in, and keep a value only where something else refers to them.
 * `data:` URIs are left (but not as playlists), and so are the names of DRM keys.
 *
 * Control characters are taken out, and so is what makes an attribute list with URIs ambiguous.
 * A byte order mark and blank lines before the header are taken off and a missing header is added, since FFmpeg insists.
 *
 * @throws StreampoolError UPSTREAM_NOT_MEDIA if this is no playlist, or it refers to anything but http and https.
 */
export function rewritePlaylist(text: string, options: RewriteOptions): string {
  if (!/^https?$/.test(schemeOf(options.baseUrl) ?? '')) throw new TypeError('baseUrl must be http or https');
  const playlist = withHeader(text);
  const variables = new PlaylistVariables(options.baseUrl, options.variables);
  let nextIsPlaylist = false;
  const rewritten = playlist.replace(/[^\r\n]+/g, (line) => {
    const uri = line.trim();
    if (uri === '') return line;
    if (uri.startsWith('#')) {
      const [, tag = '', list] = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/s.exec(uri) ?? [];
      if (tag === 'EXT-X-STREAM-INF') nextIsPlaylist = true;
      else if (tag === 'EXT-X-DEFINE' && list !== undefined) {
        variables.define(list);
        return `#${tag}:${variables.definition(list)}`;
      }
      const roles = URI_ATTRIBUTES[tag];
      // FFmpeg takes a line that begins with a space for an address, whatever follows.
      if (!roles || list === undefined) return line.trimStart();
      const rewritten = replaceAttributes(list, (name, value) => {
        const role = roles[name];
        return role && rewriteUri(variables.substitute(value), role, options);
      });
      return `#${tag}:${rewritten}`;
    }
    const role = nextIsPlaylist ? 'playlist' : 'segment';
    nextIsPlaylist = false;
    return rewriteUri(variables.substitute(uri), role, options) ?? line;
  });
  return withoutUnusedValues(rewritten);
}

/** The values of variables are usually providers' hosts and passwords: players are told only those that are still referred to. */
function withoutUnusedValues(text: string): string {
  if (!text.includes('#EXT-X-DEFINE:')) return text;
  const used = new Set(Array.from(text.matchAll(VARIABLE), ([, name]) => name));
  return text.replace(/^#EXT-X-DEFINE:(.*)/gm, (line, list: string) => {
    const name = parseAttributes(list).get('NAME');
    if (name === undefined || used.has(name)) return line;
    return `#EXT-X-DEFINE:${replaceAttributes(list, (attribute) => (attribute === 'VALUE' ? '' : undefined))}`;
  });
}

function withHeader(text: string): string {
  const playlist = text.replace(CONTROLS, '').replace(BYTE_ORDER_MARK, '').trimStart();
  if (/^#EXTM3U(?=\s|$)/.test(playlist)) return playlist;
  if (/^#EXT(?:INF:|-X-)/.test(playlist)) return `${HEADER}\n${playlist}`;
  throw new StreampoolError('UPSTREAM_NOT_MEDIA', 'the answer is no HLS playlist');
}

/** The rewritten URI, or undefined to leave what stands there. @throws StreampoolError UPSTREAM_NOT_MEDIA */
export function rewriteUri(
  uri: string,
  role: UriRole,
  options: Pick<RewriteOptions, 'baseUrl' | 'rewriteUri' | 'rewriteData'>,
): string | undefined {
  if (uri === '') return undefined;
  const scheme = schemeOf(uri);
  if (scheme === undefined || scheme === 'http' || scheme === 'https') {
    const rewritten = options.rewriteUri(resolveUri(uri, options.baseUrl), role);
    if (/[\r\n]/.test(rewritten)) throw new TypeError('a rewritten URI must be one line');
    return rewritten;
  }
  // A playlist inside a data: URI would pass on what it refers to unseen.
  if (scheme === 'data' && !NESTED_PLAYLISTS.has(role)) return options.rewriteData?.(uri, role);
  if (role === 'key' && KEY_SCHEMES.has(scheme)) return undefined;
  throw new StreampoolError('UPSTREAM_NOT_MEDIA', `the playlist refers to a ${scheme}: address`, {
    info: { scheme, role },
  });
}

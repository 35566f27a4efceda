/** What belongs to the viewer and not to the resource: the same for whoever watches, those parameters are no part of what is asked for. */
const OF_THE_VIEWER: ReadonlySet<string> = new Set([
  'client_id',
  'username',
  'user',
  'u',
  'expires',
  'signature',
  'bound',
  'api_token',
]);

/**
 * What of a stream can be asked for in more than one way, and what origins take a value for. All else that a player sends is
 * nothing to them: each would be another question to the owner, and push out of the caches what others need.
 */
const OF_THE_STREAM: Readonly<Record<string, (value: string) => string | undefined>> = {
  ll: (value) => (/^(?:1|true|yes)$/i.test(value) ? '1' : '0'),
  from: (value) => (value === 'start' ? value : undefined),
  _HLS_msn: (value) => value,
  _HLS_part: (value) => value,
  _HLS_skip: (value) => (/^(?:YES|v2)$/.test(value) ? value : undefined),
};

/** Never passed on in a playlist: it would open the API to whoever sees one. */
const NEVER_CARRIED = 'api_token';

export interface SplitQuery {
  /** For the stream: known names in one order, so that the same is always asked for in the same words. */
  readonly own: URLSearchParams;
  /** What every URI of a playlist needs, so that whoever asked for the playlist is known there too: without `?`, perhaps empty. */
  readonly carried: string;
}

/** `pass`: what is carried beside the viewer's own. */
export function splitQuery(query: URLSearchParams, pass?: URLSearchParams): SplitQuery {
  if (query.size === 0 && !pass) return { own: query, carried: '' };
  const own = new URLSearchParams();
  const carried = new URLSearchParams(pass);
  for (const [name, value] of query) {
    if (OF_THE_VIEWER.has(name) && name !== NEVER_CARRIED) carried.append(name, value);
  }
  for (const [name, meant] of Object.entries(OF_THE_STREAM)) {
    const value = query.get(name);
    const known = value === null ? undefined : meant(value);
    if (known !== undefined) own.set(name, known);
  }
  return { own, carried: carried.toString() };
}

/** Tags with URIs in their attributes: a name that is quoted, and ends in URI, or the one other that leads somewhere. */
const ATTRIBUTE = /([A-Z-]*URI|X-ASSET-LIST)="([^"]*)"/g;

/**
 * Appends a query to each URI of a playlist that leads back here. Such URIs are relative; names of keys (`skd:`) and
 * `data:` are not touched.
 */
function carryQuery(playlist: string, carried: string): string {
  return playlist.replace(/[^\r\n]+/g, (line) => {
    if (!line.startsWith('#')) return withQuery(line, carried);
    if (!line.startsWith('#EXT')) return line;
    return line.replace(ATTRIBUTE, (_, name: string, uri: string) => `${name}="${withQuery(uri, carried)}"`);
  });
}

/** A playlist as text, with its size as UTF-8, and cut where a query belongs. */
interface PlaylistText {
  readonly whole: { readonly text: string; readonly bytes: number };
  pieces?: readonly string[];
}

/** Stands for a query while places for one are looked for: no playlist has this character (RFC 8216 §4.1). */
const PLACEHOLDER = '\0';
const texts = new WeakMap<Buffer, PlaylistText>();

/**
 * A playlist with a query appended to each URI that leads back here, as text and with its size in bytes. Many ask for the same one,
 * each with a query of its own: its lines are looked through once.
 */
export function playlistWith(playlist: Buffer, carried: string): { text: string; bytes: number } {
  const known = texts.get(playlist) ?? readText(playlist);
  if (carried === '') return known.whole;
  known.pieces ??= carryQuery(known.whole.text.replaceAll(PLACEHOLDER, ''), PLACEHOLDER).split(PLACEHOLDER);
  const text = known.pieces.join(carried);
  return { text, bytes: Buffer.byteLength(text) };
}

function readText(playlist: Buffer): PlaylistText {
  const text = playlist.toString();
  const read: PlaylistText = { whole: { text, bytes: Buffer.byteLength(text) } };
  texts.set(playlist, read);
  return read;
}

/** A URI that leads back here, with a query appended; any other as it is. */
export function withQuery(uri: string, carried: string): string {
  if (uri === '' || /^[a-z][a-z0-9+.-]*:/i.test(uri) || uri.startsWith('/')) return uri;
  const [, before = '', fragment = ''] = /^([^#]*)(.*)$/s.exec(uri) ?? [];
  return `${before}${before.includes('?') ? '&' : '?'}${carried}${fragment}`;
}

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

/** Never passed on in a playlist: it would open the API to whoever sees one. */
const NEVER_CARRIED = 'api_token';

export interface SplitQuery {
  /** For the stream. */
  readonly own: URLSearchParams;
  /** What every URI of a playlist needs, so that whoever asked for the playlist is known there too: without `?`, perhaps empty. */
  readonly carried: string;
}

/** `pass`: what is carried beside the viewer's own. */
export function splitQuery(query: URLSearchParams, pass?: URLSearchParams): SplitQuery {
  const own = new URLSearchParams();
  const carried = new URLSearchParams(pass);
  for (const [name, value] of query) {
    if (!OF_THE_VIEWER.has(name)) own.append(name, value);
    else if (name !== NEVER_CARRIED) carried.append(name, value);
  }
  return { own, carried: carried.toString() };
}

/** Tags with URIs in their attributes: a name that is quoted, and ends in URI. */
const ATTRIBUTE = /([A-Z-]*URI)="([^"]*)"/g;

/**
 * Appends a query to each URI of a playlist that leads back here. Such URIs are relative; names of keys (`skd:`) and
 * `data:` are not touched.
 */
export function carryQuery(playlist: string, carried: string): string {
  if (carried === '') return playlist;
  return playlist.replace(/[^\r\n]+/g, (line) => {
    if (!line.startsWith('#')) return withQuery(line, carried);
    if (!line.startsWith('#EXT')) return line;
    return line.replace(ATTRIBUTE, (_, name: string, uri: string) => `${name}="${withQuery(uri, carried)}"`);
  });
}

function withQuery(uri: string, carried: string): string {
  if (uri === '' || /^[a-z][a-z0-9+.-]*:/i.test(uri) || uri.startsWith('/')) return uri;
  const [, before = '', fragment = ''] = /^([^#]*)(.*)$/s.exec(uri) ?? [];
  return `${before}${before.includes('?') ? '&' : '?'}${carried}${fragment}`;
}

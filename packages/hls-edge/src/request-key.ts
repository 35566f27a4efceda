import type { HlsRequest } from '@streampool/hls';

/** Directives of low-latency HLS: which state of a playlist is wanted, not which playlist. */
const DIRECTIVES = ['_HLS_msn', '_HLS_part', '_HLS_skip', '_HLS_push', '_HLS_report'];

/** Names what is asked for, within one stream. */
export function requestKey({ path, query, range }: HlsRequest): string {
  return `${path}?${query}${range === undefined ? '' : `#${range}`}`;
}

/** Names the playlist that is asked for, whatever state of it. */
export function playlistKey({ path, query }: HlsRequest): string {
  const kept = [...query].filter(([name]) => !DIRECTIVES.includes(name));
  return `${path}?${new URLSearchParams(kept)}`;
}

/** What a URI in the playlist of that request leads to; undefined where it leaves the stream's folder. */
export function requestOf(uri: string, playlist: Pick<HlsRequest, 'path'>): HlsRequest | undefined {
  const base = 'http://edge/stream/';
  if (!URL.canParse(uri, base + playlist.path)) return undefined;
  const url = new URL(uri, base + playlist.path);
  if (!url.href.startsWith(base)) return undefined;
  return { path: url.pathname.slice('/stream/'.length), query: url.searchParams };
}

export function isPlaylistPath(path: string): boolean {
  return /\.m3u8?$/i.test(path);
}

/** RFC 3986 §3.3: what a path may be made of, so that it stands in a URL as it is. */
const PATH = /^(?:[\w.~!$&'()*+,;=:@/-]|%[0-9a-f]{2})+$/i;
/** Names of folders above, in any spelling: a URL with one leads out of the stream's folder (WHATWG URL §4.4). */
const DOTS = /^(?:\.|%2e){1,2}$/i;

/** Whether a path is one below a stream's folder, and nowhere else, in whatever URL it is put. */
export function isBelow(path: string): boolean {
  return path.length <= 4_096 && PATH.test(path) && path.split('/').every((name) => !DOTS.test(name));
}

import { extensionOf } from './media-type.ts';

/**
 * What a URL looks like before anybody has asked the provider:
 * `file`, a body with an end that can be read from any position; `playlist`, HLS; `continuous`, anything else.
 */
export type ResourceKind = 'file' | 'playlist' | 'continuous';

const FILES = new Set(
  'mp4 m4v mkv avi mov webm wmv asf flv mpg mpeg vob 3gp ogv mp3 flac m4a ogg opus wav wma mka srt vtt zip m2ts mts'.split(
    ' ',
  ),
);

/** Xtream's paths of films, episodes and catch-up: files even where the extension is `.ts`, or missing. */
const XTREAM_FILE = /^\/(?:movie|series|vod)\/[^/]+\/[^/]+\/[^/]+$/i;

export function resourceKind(url: string): ResourceKind {
  const extension = extensionOf(url);
  if (extension === 'm3u8' || extension === 'm3u') return 'playlist';
  if (FILES.has(extension)) return 'file';
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return XTREAM_FILE.test(path) ? 'file' : 'continuous';
}

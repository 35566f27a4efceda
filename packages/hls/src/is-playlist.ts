/** Media types of HLS playlists: the registered one (RFC 8216 §10) and those in use. */
const PLAYLIST_TYPE = /^(?:application|audio)\/(?:vnd\.apple\.mpegurl|x-mpegurl|mpegurl)$/;
const PLAYLIST_PATH = /\.m3u8?$/i;

/**
 * Whether a body is an HLS playlist. Its first bytes decide: providers send playlists as text/plain and transport
 * streams from addresses that end in .m3u8. `contentType` and `url` only speak for a body without the header that starts
 * with another tag.
 */
export function isPlaylist(contentType: string | undefined, firstBytes: Buffer, url: string): boolean {
  const start = firstBytes
    .toString('latin1', 0, 256)
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .trimStart();
  // Any byte that is no visible character ends the word: FFmpeg takes a NUL for the end of a line.
  if (/^#EXTM3U(?![!-~])/.test(start)) return true;
  if (!/^#EXT(?:INF:|-X-)/.test(start)) return false;
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  return PLAYLIST_TYPE.test(type) || PLAYLIST_PATH.test(url.replace(/[?#].*$/s, ''));
}

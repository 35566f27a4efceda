/** Content types by file extension, as players want to see them. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  ts: 'video/mp2t',
  m2ts: 'video/mp2t',
  mts: 'video/mp2t',
  mpg: 'video/mpeg',
  mpeg: 'video/mpeg',
  vob: 'video/mpeg',
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  m4s: 'video/iso.segment',
  mov: 'video/quicktime',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
  avi: 'video/x-msvideo',
  flv: 'video/x-flv',
  wmv: 'video/x-ms-wmv',
  asf: 'video/x-ms-asf',
  '3gp': 'video/3gpp',
  ogv: 'video/ogg',
  mp3: 'audio/mpeg',
  aac: 'audio/aac',
  ac3: 'audio/ac3',
  m4a: 'audio/mp4',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  opus: 'audio/ogg',
  wav: 'audio/wav',
  wma: 'audio/x-ms-wma',
  mka: 'audio/x-matroska',
  m3u8: 'application/vnd.apple.mpegurl',
  m3u: 'audio/x-mpegurl',
  mpd: 'application/dash+xml',
  vtt: 'text/vtt',
  srt: 'application/x-subrip',
};

const MEDIA =
  /^(?:video\/|audio\/|image\/|text\/vtt|application\/(?:vnd\.apple\.mpegurl|x-mpegurl|mpegurl|mp4|mp2t|ogg|x-matroska|dash\+xml|vnd\.ms-asf|x-subrip|vnd\.rn-realmedia))/i;

/** The extension of a URL's path, lower-case without the dot; empty if there is none. */
export function extensionOf(url: string): string {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return /\.([a-z0-9]{1,5})$/i.exec(path)?.[1]?.toLowerCase() ?? '';
}

/** What a player is told the body is: the provider's own word if that is a media type, else what the file's extension says. */
export function mediaTypeOf(contentType: string | undefined, url: string, otherwise = 'video/mp2t'): string {
  if (contentType !== undefined && MEDIA.test(contentType.trim())) return contentType;
  return BY_EXTENSION[extensionOf(url)] ?? otherwise;
}

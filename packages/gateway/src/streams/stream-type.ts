import type { StreamDefinition, StreamRecord } from '@streampool/state';

/** Containers that are files: they have an end, and players seek in them. */
const FILE_TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mov: 'video/quicktime',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
  avi: 'video/x-msvideo',
  wmv: 'video/x-ms-wmv',
  flv: 'video/x-flv',
  mpg: 'video/mpeg',
  mpeg: 'video/mpeg',
  m4a: 'audio/mp4',
  mp3: 'audio/mpeg',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
};

const MPEGTS = 'video/mp2t';
const HLS = 'application/vnd.apple.mpegurl';

/** Media types of FFmpeg's output formats; whatever is not here is bytes to a player. */
const FORMAT_TYPES: Readonly<Record<string, string>> = {
  mpegts: MPEGTS,
  mp4: 'video/mp4',
  matroska: 'video/x-matroska',
  webm: 'video/webm',
  flv: 'video/x-flv',
  adts: 'audio/aac',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  hls: HLS,
};

function extensionOf(url: string): string {
  const path = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? '';
  return /\.([a-z0-9]{1,5})$/i.exec(path)?.[1]?.toLowerCase() ?? '';
}

/** By the address alone: nothing is opened to find out. Xtream providers name the container in the query. */
export function streamTypeOf(url: string): 'direct' | 'hls' {
  if (/^m3u8?$/.test(extensionOf(url))) return 'hls';
  return /[?&](?:output|type)=(?:m3u8|hls)(?:&|$)/i.test(url) ? 'hls' : 'direct';
}

/** True for a file by its address: a movie or an episode rather than a channel. */
export function isFileUrl(url: string): boolean {
  return extensionOf(url) in FILE_TYPES || /^[a-z]+:\/\/[^/]*\/(?:movie|series)\//i.test(url);
}

/** What a player is told before anything is known of the body. */
export function contentTypeOf(
  definition: Pick<StreamDefinition, 'kind' | 'url' | 'format' | 'streamType'>,
): string {
  switch (definition.kind) {
    case 'transcode':
      return FORMAT_TYPES[definition.format ?? 'mpegts'] ?? 'application/octet-stream';
    case 'shared':
      return MPEGTS;
    case 'direct':
      return definition.streamType === 'hls' ? HLS : (FILE_TYPES[extensionOf(definition.url)] ?? MPEGTS);
  }
}

/** The names that clients of m3u-proxy know. */
export function shownStreamType(stream: Pick<StreamRecord, 'kind' | 'url' | 'streamType'>): string {
  if (stream.kind === 'transcode') return 'Transcoding';
  if (stream.streamType === 'hls') return 'HLS';
  return isFileUrl(stream.url) ? 'VOD' : 'Live Continuous';
}

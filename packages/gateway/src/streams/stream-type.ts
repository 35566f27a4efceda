import type { StreamDefinition, StreamRecord } from '@streampool/state';
import { mediaTypeOf, resourceKind } from '@streampool/upstream';

/** Media types of FFmpeg's output formats; whatever is not here is bytes to a player. */
const FORMAT_TYPES: Readonly<Record<string, string>> = {
  mpegts: 'video/mp2t',
  hls: 'application/vnd.apple.mpegurl',
};

/** By the address alone: nothing is opened to find out. */
export function streamTypeOf(url: string): 'direct' | 'hls' {
  return resourceKind(url) === 'playlist' ? 'hls' : 'direct';
}

/** True for a film or an episode rather than a channel. */
export function isFile(url: string): boolean {
  return resourceKind(url) === 'file';
}

/** What a player is told before anything is known of the body. */
export function contentTypeOf(definition: Pick<StreamDefinition, 'kind' | 'url' | 'format'>): string {
  switch (definition.kind) {
    case 'transcode':
      return FORMAT_TYPES[definition.format ?? 'mpegts'] ?? 'application/octet-stream';
    case 'shared':
      return 'video/mp2t';
    case 'direct':
      return mediaTypeOf(undefined, definition.url);
  }
}

/** The names that clients of m3u-proxy know. */
export type ShownStreamType = 'Transcoding' | 'HLS' | 'VOD' | 'Live Continuous';

export function shownStreamType(stream: Pick<StreamRecord, 'kind' | 'url' | 'streamType'>): ShownStreamType {
  if (stream.kind === 'transcode') return 'Transcoding';
  if (stream.streamType === 'hls') return 'HLS';
  return isFile(stream.url) ? 'VOD' : 'Live Continuous';
}

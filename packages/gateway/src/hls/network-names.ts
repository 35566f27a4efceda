import type { HlsAnswer } from '@streampool/hls';

/** What of a network's addresses names the playlist and its segments, below `/broadcast/{network}/`. */
export const NETWORK_NAMES = String.raw`live\.m3u8|live\d+\.ts|segment/[^?#]+`;

const PLAYLISTS: ReadonlySet<string> = new Set(['live.m3u8', 'segment/live.m3u8']);
const SEGMENT = /^live\d+\.ts$/;
const LISTED = /^segment\/(?=live\d+\.ts$)/gm;

/** `entry` for the playlist, which is among the segments as well, and the one address that a segment has inside. */
export function networkPlace(path: string, entry: string): string {
  if (PLAYLISTS.has(path)) return entry;
  return SEGMENT.test(path) ? `segment/${path}` : path;
}

/**
 * The playlist of a network with its segments by their mere names: m3u-editor hands such playlists on under an address of its
 * own, and finds by those names what it has to make whole.
 */
export function withMereNames(answer: HlsAnswer): HlsAnswer {
  if (answer.kind !== 'playlist' || !Buffer.isBuffer(answer.body)) return answer;
  return { ...answer, body: Buffer.from(answer.body.toString().replace(LISTED, '')) };
}

import type { StreamVariant } from '@streampool/state';
import type { Seen } from './seen-media.ts';

/** Names the ladder that a stream was made for, among its metadata; absent where somebody wants it for itself. */
export const LADDER_LABEL = 'ladder';

/** Of a variant whose bit rate nobody limits; RFC 8216 §4.3.4.2 demands a number that is not exceeded. */
const UNKNOWN_BANDWIDTH = 8_000_000;
/** Above the highest that was seen, where there is no limit. */
const ROOM_FOR_PEAKS = 1.25;

/** Where the playlist of the n-th variant is, relative to the ladder's own. */
export function variantUri(index: number): string {
  return `variant/${index}/playlist.m3u8`;
}

/** Which variant a path below a ladder's folder belongs to, and what of it is asked for. */
export function variantPath(path: string): { index: number; rest: string } | undefined {
  const [, index, rest] = /^variant\/(\d{1,2})\/(.+)$/s.exec(path) ?? [];
  return index === undefined || rest === undefined ? undefined : { index: Number(index), rest };
}

/**
 * The multivariant playlist over the streams of a ladder (RFC 8216 §4.3.4), in the order they were asked for. `seenOf`: what a
 * stream has turned out to be, which is believed before what its arguments say.
 */
export function ladderPlaylist(
  variants: readonly StreamVariant[],
  seenOf: (streamId: string) => Seen | undefined = () => undefined,
): string {
  const lines = variants.flatMap(
    ({ streamId, name, bandwidth, averageBandwidth, frameRate, ...figures }, index) => {
      const seen = seenOf(streamId);
      const { resolution, codecs } = { ...figures, ...seen };
      const attributes = [
        `BANDWIDTH=${bandwidthOf(bandwidth, seen)}`,
        ...(averageBandwidth === undefined ? [] : [`AVERAGE-BANDWIDTH=${averageBandwidth}`]),
        ...(codecs === undefined ? [] : [`CODECS="${codecs}"`]),
        ...(resolution === undefined ? [] : [`RESOLUTION=${resolution}`]),
        ...(frameRate === undefined ? [] : [`FRAME-RATE=${frameRate.toFixed(3)}`]),
        `NAME="${name.replace(/["\r\n]/g, '')}"`,
      ];
      return [`#EXT-X-STREAM-INF:${attributes.join(',')}`, variantUri(index)];
    },
  );
  return `${['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-INDEPENDENT-SEGMENTS', ...lines].join('\n')}\n`;
}

function bandwidthOf(limit: number | undefined, seen: Seen | undefined): number {
  if (!seen) return limit ?? UNKNOWN_BANDWIDTH;
  return Math.max(seen.peakBits, limit ?? Math.ceil((seen.peakBits * ROOM_FOR_PEAKS) / 10_000) * 10_000);
}

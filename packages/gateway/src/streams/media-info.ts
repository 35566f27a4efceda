import type { StreamRecord } from '@streampool/state';
import type { FoundMedia } from '@streampool/streaming';
import type { z } from 'zod';
import type { mediaInfo, shownStream } from '../schemas/stream-responses.ts';
import type { StreamFigures } from './shown.ts';

/** Layouts that have a name; others are told by their number. */
const LAYOUTS: Readonly<Record<number, string>> = { 1: 'mono', 2: 'stereo', 6: '5.1', 8: '7.1' };

/** What is in a stream, as m3u-proxy tells it: of the provider's, and of FFmpeg's where the stream is transcoded. */
export function mediaInfos(
  { kind, bitrateKbps, speed }: Pick<StreamRecord, 'kind' | 'bitrateKbps' | 'speed'>,
  { media, inputMedia }: Pick<StreamFigures, 'media' | 'inputMedia'> = {},
): Pick<z.output<typeof shownStream>, 'media_info' | 'output_media_info'> {
  if (kind !== 'transcode')
    return { media_info: media ? infoOf(media, bitrateKbps) : null, output_media_info: null };
  return {
    media_info: inputMedia ? infoOf(inputMedia) : null,
    output_media_info: media ? { ...infoOf(media, bitrateKbps), speed: speed ?? null } : null,
  };
}

function infoOf({ resolution, video, audio }: FoundMedia, bitrateKbps?: number): z.output<typeof mediaInfo> {
  const { channels } = audio ?? {};
  return {
    resolution: resolution ?? null,
    video_codec: video?.codec ?? null,
    fps: video?.framesPerSecond ?? null,
    bitrate_kbps: bitrateKbps ?? null,
    audio_codec: audio?.codec ?? null,
    audio_channels: channels === undefined ? null : (LAYOUTS[channels] ?? `${channels} channels`),
    container: 'MPEGTS',
  };
}

import type { HlsMedia } from './hls-media.ts';

/** The first PTS of samples as FFmpeg muxes them into transport streams: 1.4 s. */
const FIRST_PTS = 126_000;

/** WebVTT segments (RFC 8216 §3.5) with one cue each, on the timeline of transport stream segments. */
export class VttMedia implements HlsMedia {
  readonly extension = 'vtt';
  readonly contentType = 'text/vtt';
  readonly parts = [];
  readonly seconds: readonly number[];
  readonly #text: string;

  constructor(seconds: readonly number[], text: string) {
    this.seconds = seconds;
    this.#text = text;
  }

  segment(round: number, index: number, continued: boolean): Buffer {
    const sum = (durations: readonly number[]): number => durations.reduce((total, one) => total + one, 0);
    const start = (continued ? round * sum(this.seconds) : 0) + sum(this.seconds.slice(0, index));
    const time = (seconds: number): string => new Date(seconds * 1_000).toISOString().slice(11, 23);
    return Buffer.from(
      [
        ...['WEBVTT', `X-TIMESTAMP-MAP=MPEGTS:${FIRST_PTS},LOCAL:00:00:00.000`, ''],
        ...[
          `${time(start)} --> ${time(start + this.seconds[index]!)}`,
          `${this.#text} ${start.toFixed(1)}`,
          '',
        ],
      ].join('\n'),
    );
  }
}

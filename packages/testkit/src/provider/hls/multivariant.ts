import type { Sample } from '../../fixtures/sample.ts';
import type { Exchange } from '../exchange.ts';
import { HlsChannel, type HlsOptions } from './hls-channel.ts';
import { TsMedia } from './ts-media.ts';
import { VttMedia } from './vtt-media.ts';

export interface Variant {
  /** Its folder, such as `high`. */
  readonly name: string;
  readonly sample: Sample;
  readonly bandwidth: number;
}

export interface Rendition {
  readonly name: string;
  readonly language: string;
}

export interface MultivariantOptions extends Omit<HlsOptions, 'lowLatency' | 'signedPlaylist'> {
  readonly segmentSeconds: number;
  readonly variants: readonly Variant[];
  /** Sound of its own, beside that of the variants, which is the first of the group. */
  readonly audio?: readonly (Rendition & { readonly sample: Sample })[];
  readonly subtitles?: readonly Rendition[];
}

/** A presentation of several variants with alternate sound, subtitles and I-frame playlists (RFC 8216 §4.3.4): `main.m3u8`. */
export class MultivariantChannel {
  /** By folder: those of the variants, `audio-<language>`, `subtitles-<language>`. */
  readonly channels = new Map<string, HlsChannel>();
  readonly #options: MultivariantOptions;

  constructor(options: MultivariantOptions) {
    this.#options = options;
    const { variants, audio = [], subtitles = [], segmentSeconds } = options;
    const own = { ...options, signedPlaylist: true };
    for (const { name, sample } of variants) this.channels.set(name, new HlsChannel(sample, own));
    for (const { language, sample } of audio)
      this.channels.set(`audio-${language}`, new HlsChannel(sample, own));
    const { seconds } = new TsMedia(variants[0]!.sample, segmentSeconds);
    for (const { language, name } of subtitles)
      this.channels.set(`subtitles-${language}`, new HlsChannel(new VttMedia(seconds, name), own));
  }

  /** `name` is the path below the channel's directory. */
  async serve(exchange: Exchange, name: string): Promise<void> {
    if (name === 'main.m3u8')
      return exchange.reply(200, this.#main(), { 'content-type': 'application/vnd.apple.mpegurl' });
    const [, folder = '', rest = ''] = /^([^/]+)\/(.+)$/.exec(name) ?? [];
    const channel = this.channels.get(folder);
    if (!channel) return exchange.reply(404, 'no such file');
    await channel.serve(exchange, rest);
  }

  #main(): string {
    const { variants, audio = [], subtitles = [], query } = this.#options;
    const uri = (path: string): string => `${path}${query === undefined ? '' : `?${query}`}`;
    const lines = ['#EXTM3U', '#EXT-X-VERSION:4', '#EXT-X-INDEPENDENT-SEGMENTS'];
    const groups = `${audio.length > 0 ? ',AUDIO="sound"' : ''}${subtitles.length > 0 ? ',SUBTITLES="text"' : ''}`;
    if (audio.length > 0)
      lines.push('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="as broadcast",DEFAULT=YES,AUTOSELECT=YES');
    for (const { name, language } of audio)
      lines.push(
        `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="${name}",LANGUAGE="${language}",AUTOSELECT=YES,URI="${uri(`audio-${language}/index.m3u8`)}"`,
      );
    for (const { name, language } of subtitles)
      lines.push(
        `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="${name}",LANGUAGE="${language}",AUTOSELECT=YES,URI="${uri(`subtitles-${language}/index.m3u8`)}"`,
      );
    for (const { name, bandwidth, sample } of variants) {
      const codecs = 'CODECS="avc1.64001f,mp4a.40.2"';
      lines.push(
        `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},${codecs},RESOLUTION=${sample.size},FRAME-RATE=${sample.fps}.000${groups}`,
        uri(`${name}/index.m3u8`),
        `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=${Math.round(bandwidth / 4)},RESOLUTION=${sample.size},URI="${uri(`${name}/iframes.m3u8`)}"`,
      );
    }
    return `${lines.join('\n')}\n`;
  }
}

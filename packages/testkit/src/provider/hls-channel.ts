import { createCipheriv, createHash } from 'node:crypto';
import type { Sample } from '../fixtures/sample.ts';
import { TsLoop } from '../fixtures/ts-loop.ts';
import type { Exchange } from './exchange.ts';

export interface HlsOptions {
  /** Live (default): a window that slides for ever. Otherwise one round of the sample, with an end. */
  readonly live?: boolean;
  /** Segments in a live playlist. */
  readonly window?: number;
  readonly encryption?: 'aes-128';
  /** Added to the URI of every segment and key, and demanded there: a signed query. */
  readonly query?: string;
  /** Write URIs with scheme and host instead of relative ones. */
  readonly absolute?: boolean;
  readonly gzip?: boolean;
}

const PLAYLIST_TYPE = { 'content-type': 'application/vnd.apple.mpegurl' };

/**
 * An HLS channel (RFC 8216) in transport stream segments, each from one keyframe to the next: `master.m3u8`,
 * `index.m3u8`, `segment-<n>.ts`, `key-<n>.bin`. Timestamps and counters go on from segment to segment.
 */
export class HlsChannel {
  readonly #loop: TsLoop;
  readonly #options: HlsOptions;
  readonly #epoch = performance.now();
  readonly #cuts: number[];
  readonly #seconds: number[];

  constructor(sample: Pick<Sample, 'path' | 'seconds'>, options: HlsOptions = {}) {
    this.#loop = new TsLoop(sample);
    this.#options = options;
    this.#cuts = [0, ...this.#loop.joins.slice(1), this.#loop.size];
    const total = this.#loop.durationTicks / 90_000;
    this.#seconds = this.#cuts.slice(1).map(() => total / (this.#cuts.length - 1));
  }

  /** `name` is the path below the channel's directory. */
  serve(exchange: Exchange, name: string): void {
    const { gzip = false, query } = this.#options;
    const playlist =
      name === 'master.m3u8' ? this.#master() : name === 'index.m3u8' ? this.#media(exchange) : undefined;
    if (playlist !== undefined) {
      if (!gzip) {
        exchange.reply(200, playlist, PLAYLIST_TYPE);
        return;
      }
      exchange.head({ headers: PLAYLIST_TYPE, gzip });
      exchange.write(Buffer.from(playlist));
      exchange.end();
      return;
    }
    const [, kind, digits] = /^(segment|key)-(\d+)\.(?:ts|bin)$/.exec(name) ?? [];
    const sequence = Number(digits);
    if (kind === undefined || !this.#exists(sequence)) {
      exchange.reply(404, 'no such file');
      return;
    }
    if (query !== undefined && exchange.url.search !== `?${query}`) {
      exchange.reply(403, 'signature missing');
      return;
    }
    if (kind === 'key') {
      exchange.reply(200, this.#key(sequence), { 'content-type': 'application/octet-stream' });
      return;
    }
    exchange.reply(200, this.#segment(sequence), { 'content-type': 'video/mp2t' });
  }

  get #perRound(): number {
    return this.#cuts.length - 1;
  }

  /** The segments listed now: from `first` up to, not including, `end`. */
  #window(): { first: number; end: number } {
    const { live = true, window = 4 } = this.#options;
    if (!live) return { first: 0, end: this.#perRound };
    const elapsed = (performance.now() - this.#epoch) / 1_000;
    const end = window + Math.floor(elapsed / this.#seconds[0]!);
    return { first: end - window, end };
  }

  #exists(sequence: number): boolean {
    const { first, end } = this.#window();
    // As servers do, keep a few segments longer than they are listed.
    return sequence >= first - 6 && sequence < end;
  }

  #master(): string {
    return ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-STREAM-INF:BANDWIDTH=800000', 'index.m3u8', ''].join('\n');
  }

  #media(exchange: Exchange): string {
    const { live = true, encryption, query, absolute = false } = this.#options;
    const { first, end } = this.#window();
    const directory = absolute
      ? new URL('.', `http://${exchange.request.headers.host}${exchange.url.pathname}`).href
      : '';
    const uri = (name: string): string => `${directory}${name}${query === undefined ? '' : `?${query}`}`;
    const lines = [
      '#EXTM3U',
      '#EXT-X-VERSION:3',
      `#EXT-X-TARGETDURATION:${Math.ceil(Math.max(...this.#seconds))}`,
    ];
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${first}`);
    for (let sequence = first; sequence < end; sequence++) {
      // A key per round, its IV the sequence number as the standard's default (§5.2).
      if (encryption && (sequence === first || sequence % this.#perRound === 0))
        lines.push(`#EXT-X-KEY:METHOD=AES-128,URI="${uri(`key-${sequence}.bin`)}"`);
      lines.push(`#EXTINF:${this.#seconds[0]!.toFixed(3)},`, uri(`segment-${sequence}.ts`));
    }
    if (!live) lines.push('#EXT-X-ENDLIST');
    return `${lines.join('\n')}\n`;
  }

  #key(sequence: number): Buffer {
    return createHash('md5')
      .update(`round ${Math.floor(sequence / this.#perRound)}`)
      .digest();
  }

  #segment(sequence: number): Buffer {
    const round = Math.floor(sequence / this.#perRound);
    const index = sequence % this.#perRound;
    const clear = this.#loop.render(round).subarray(this.#cuts[index], this.#cuts[index + 1]);
    if (!this.#options.encryption) return clear;
    const iv = Buffer.alloc(16);
    iv.writeUInt32BE(sequence, 12);
    const cipher = createCipheriv('aes-128-cbc', this.#key(sequence), iv);
    return Buffer.concat([cipher.update(clear), cipher.final()]);
  }
}

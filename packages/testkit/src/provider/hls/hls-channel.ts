import { createCipheriv, createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Sample } from '../../fixtures/sample.ts';
import type { Exchange } from '../exchange.ts';
import type { HlsMedia } from './hls-media.ts';
import { HlsTimeline } from './hls-timeline.ts';
import {
  type PlaylistShape,
  targetDurationOf,
  writeIFramePlaylist,
  writeMediaPlaylist,
} from './media-playlist.ts';
import { TsMedia } from './ts-media.ts';

export interface HlsOptions {
  /** `live` (default): a window that slides for ever; `event`: grows; `vod`: one round of the sample, with an end. */
  readonly type?: 'live' | 'event' | 'vod';
  /** Seconds of a segment: whole distances of keyframes. By default each keyframe begins a segment. */
  readonly segmentSeconds?: number;
  /** Segments in a live playlist; in that of an event, to begin with. */
  readonly window?: number;
  /** Segments that are still there though no longer listed; by default as many as the standard asks for (RFC 8216 §6.2.2). */
  readonly keep?: number;
  readonly encryption?: 'aes-128';
  /** Added to the URI of everything but the entry, and demanded there byte for byte: a signed query. */
  readonly query?: string;
  /** How URIs are written. `relative` by default. */
  readonly uris?: 'relative' | 'dots' | 'root' | 'scheme' | 'absolute';
  /** Of playlists. */
  readonly gzip?: boolean;
  /** A vod's media in one file, as byte ranges. */
  readonly single?: boolean;
  /** Parts, preload hints, blocking reloads and delta updates, of media that have parts. */
  readonly lowLatency?: boolean;
  /** Each round of the sample begins its timeline anew, with EXT-X-DISCONTINUITY. */
  readonly discontinuities?: boolean;
  readonly programDateTime?: boolean;
  /** Written into every media playlist. */
  readonly extraTags?: readonly string[];
  /** Playlists of the same presentation, for EXT-X-RENDITION-REPORT. */
  readonly reports?: readonly string[];
  /** The address a request of that kind is sent on to, 302; undefined: it is answered here. */
  readonly redirect?: (kind: HlsResource, name: string) => string | undefined;
  /** Of variants and renditions: the query is demanded of the playlist too. */
  readonly signedPlaylist?: boolean;
}

export type HlsResource = 'playlist' | 'segment' | 'part' | 'key' | 'init';

const PLAYLIST_TYPE = { 'content-type': 'application/vnd.apple.mpegurl' };
const ENTRIES = new Set(['index.m3u8', 'master.m3u8']);

/**
 * An HLS channel (RFC 8216): `master.m3u8`, `index.m3u8`, `iframes.m3u8`, `segment-<sequence>.<ts|m4s|vtt>`,
 * `part-<sequence>.<n>.m4s`, `init.mp4`, `media.<mp4|ts>`, `key-<round>.bin`. Misbehaves on demand and counts what it is
 * asked for by resource.
 */
export class HlsChannel {
  /** Statuses that a kind of resource is answered with, in place of the resource. */
  readonly failing: Partial<Record<HlsResource, number>> = {};
  /** Requests that were answered here, by path below the channel and method: `segment-3.ts`. */
  readonly requests = new Map<string, number>();
  readonly timeline: HlsTimeline;
  readonly #media: HlsMedia;
  readonly #options: HlsOptions;
  readonly #startDate = Date.now();
  #generation = 0;

  constructor(media: HlsMedia | Pick<Sample, 'path' | 'seconds'>, options: HlsOptions = {}) {
    this.#media = 'path' in media ? new TsMedia(media, options.segmentSeconds) : media;
    this.#options = options;
    this.timeline = new HlsTimeline({
      ...{ seconds: this.#media.seconds, parts: options.lowLatency ? this.#media.parts : [] },
      ...{ type: options.type ?? 'live', window: options.window ?? 4, now: () => performance.now() },
    });
  }

  get targetDuration(): number {
    return targetDurationOf(this.#media);
  }

  /** Requests of a kind, resources of that kind that were asked for, and the most requests of one of them. */
  count(kind: HlsResource): { readonly total: number; readonly different: number; readonly most: number } {
    const counts = [...this.requests].filter(([name]) => kindOf(name) === kind).map(([, count]) => count);
    const total = counts.reduce((sum, one) => sum + one, 0);
    return { total, different: counts.length, most: Math.max(0, ...counts) };
  }

  /**
   * Whether it was asked for what it has as by one viewer: each segment, part, map and key once. One in ten may have been
   * asked for again: a player that changes variants gives up what is under way, and an answer of a busy machine that is too
   * late is asked for again. Several viewers would ask for everything.
   */
  get askedAsByOne(): boolean {
    return (['segment', 'part', 'init', 'key'] as const).every((kind) => {
      const { total, different } = this.count(kind);
      return total <= different * 1.1 + 1;
    });
  }

  /** From now on all numbers are `by` higher. */
  jump(by: number): void {
    this.timeline.offset += by;
  }

  /** The encoder starts again: numbers and times begin at 0, and what there was is gone. */
  restart(): void {
    this.#generation += 1;
    this.timeline.restart();
  }

  /** Playlists show nothing new until it is let go. */
  freeze(frozen = true): void {
    this.timeline.freeze(frozen);
  }

  /** `name` is the path below the channel's directory. */
  async serve(exchange: Exchange, name: string, { redirected = false } = {}): Promise<void> {
    const kind = kindOf(name);
    if (kind === undefined) return exchange.reply(404, 'no such file');
    const target = redirected ? undefined : this.#options.redirect?.(kind, name);
    if (target !== undefined) return exchange.reply(302, '', { location: target });
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
    const failure = this.failing[kind];
    if (failure !== undefined) return exchange.reply(failure, 'as planned');
    if (!this.#signed(exchange, name)) return exchange.reply(403, 'signature missing');
    if (kind === 'playlist') return this.#playlist(exchange, name);
    const found = await this.#resource(kind, name);
    if (!found) return exchange.reply(404, 'no such file');
    replyWithRange(exchange, found.bytes, found.type);
  }

  #signed(exchange: Exchange, name: string): boolean {
    const { query, signedPlaylist = false } = this.#options;
    if (query === undefined || (ENTRIES.has(name) && !signedPlaylist)) return true;
    // As it came: a URL object would encode some of it again.
    const [, sent = ''] = /\?(.*)$/s.exec(exchange.request.url ?? '') ?? [];
    return sent === query || sent.startsWith(`${query}&_HLS_`);
  }

  async #playlist(exchange: Exchange, name: string): Promise<void> {
    const generation = this.#generation;
    const { searchParams } = exchange.url;
    const [msn, part] = [searchParams.get('_HLS_msn'), searchParams.get('_HLS_part')];
    if (this.#options.lowLatency && msn !== null) {
      const place = Number(msn) - this.timeline.offset;
      if (place > this.timeline.listed().end + 2) return exchange.reply(400, 'too far ahead');
      while (generation === this.#generation && !exchange.closed) {
        const left = this.timeline.msUntil(place, part === null ? undefined : Number(part));
        if (left === 0) break;
        await delay(Math.max(1, left), undefined, { ref: false });
      }
    }
    const text = this.#text(exchange, name, searchParams.get('_HLS_skip') === 'YES');
    if (this.#options.gzip)
      exchange.reply(200, gzipSync(text), { ...PLAYLIST_TYPE, 'content-encoding': 'gzip' });
    else exchange.reply(200, text, PLAYLIST_TYPE);
  }

  #text(exchange: Exchange, name: string, skip: boolean): string {
    const uri = this.#uriWriter(exchange, name);
    if (name === 'master.m3u8')
      return ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-STREAM-INF:BANDWIDTH=800000', 'index.m3u8', ''].join(
        '\n',
      );
    const { lowLatency = false, discontinuities = false, programDateTime = false } = this.#options;
    const shape: PlaylistShape = {
      ...{ media: this.#media, timeline: this.timeline, type: this.#options.type ?? 'live', uri, lowLatency },
      ...{ encrypted: this.#options.encryption !== undefined, single: this.#options.single ?? false },
      ...{ continued: !discontinuities, startDate: programDateTime ? this.#startDate : undefined },
      ...{ extraTags: this.#options.extraTags ?? [], reports: this.#options.reports ?? [] },
    };
    return name === 'iframes.m3u8' ? writeIFramePlaylist(shape) : writeMediaPlaylist(shape, skip);
  }

  #uriWriter(exchange: Exchange, name: string): (resource: string) => string {
    const { uris = 'relative', query } = this.#options;
    const { host } = exchange.request.headers;
    const directory = exchange.url.pathname.slice(0, -name.length);
    const prefixes = {
      ...{ relative: '', dots: `../${directory.split('/').at(-2)}/./`, root: directory },
      ...{ scheme: `//${host}${directory}`, absolute: `http://${host}${directory}` },
    };
    return (resource) => `${prefixes[uris]}${resource}${query === undefined ? '' : `?${query}`}`;
  }

  async #resource(kind: HlsResource, name: string): Promise<{ bytes: Buffer; type: string } | undefined> {
    const media = this.#media;
    const { continued, perRound } = {
      continued: !(this.#options.discontinuities ?? false),
      perRound: this.timeline.perRound,
    };
    const [number = 0, part = 0] = (name.match(/\d+/g) ?? []).map(Number);
    if (name.startsWith('media.')) {
      const segments = media.seconds.map((_, index) => media.segment(0, index, true));
      return { bytes: Buffer.concat([media.init ?? Buffer.alloc(0), ...segments]), type: media.contentType };
    }
    if (kind === 'init') return media.init && { bytes: media.init, type: media.contentType };
    if (kind === 'key') return { bytes: keyOf(number), type: 'application/octet-stream' };
    const place = number - this.timeline.offset;
    const { first, end } = this.timeline.listed();
    if (place < Math.max(0, first - (this.#options.keep ?? (this.#options.window ?? 4) + 2)) || place > end)
      return undefined;
    const [round, index] = [Math.floor(place / perRound), place % perRound];
    if (kind === 'part') {
      if (!this.#options.lowLatency || part >= (media.parts[index]?.length ?? 0)) return undefined;
      // A part that was hinted at is answered as soon as it is there (second edition §6.2.6).
      await delay(this.timeline.msUntil(place, part), undefined, { ref: false });
      return { bytes: media.part!(round, index, part, continued), type: media.contentType };
    }
    if (place === end) return undefined;
    const clear = media.segment(round, index, continued);
    return {
      bytes: this.#options.encryption ? encrypt(clear, keyOf(round), number) : clear,
      type: media.contentType,
    };
  }
}

function kindOf(name: string): HlsResource | undefined {
  if (/^(?:index|master|iframes)\.m3u8$/.test(name)) return 'playlist';
  if (/^(?:segment-\d+\.(?:ts|m4s|vtt)|media\.(?:mp4|ts))$/.test(name)) return 'segment';
  if (/^part-\d+\.\d+\.m4s$/.test(name)) return 'part';
  if (/^key-\d+\.bin$/.test(name)) return 'key';
  return name === 'init.mp4' ? 'init' : undefined;
}

function keyOf(round: number): Buffer {
  return createHash('md5').update(`round ${round}`).digest();
}

function encrypt(clear: Buffer, key: Buffer, sequence: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeBigUInt64BE(BigInt(sequence), 8);
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(clear), cipher.final()]);
}

function replyWithRange(exchange: Exchange, bytes: Buffer, type: string): void {
  const headers = { 'content-type': type, 'accept-ranges': 'bytes' };
  const match = /^bytes=(\d+)-(\d*)$/.exec(exchange.request.headers.range ?? '');
  const from = Number(match?.[1] ?? 0);
  const end = match?.[2] ? Math.min(Number(match[2]) + 1, bytes.length) : bytes.length;
  if (!match) exchange.reply(200, bytes, headers);
  else if (from >= end) exchange.reply(416, '', { ...headers, 'content-range': `bytes */${bytes.length}` });
  else {
    const range = `bytes ${from}-${end - 1}/${bytes.length}`;
    exchange.reply(206, bytes.subarray(from, end), { ...headers, 'content-range': range });
  }
}

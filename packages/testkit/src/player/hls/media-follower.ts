import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeErrors } from '../../fixtures/inspect.ts';
import { wholeUnits } from '../whole-units.ts';
import type { HlsClient } from './hls-client.ts';
import { PlaybackClock } from './playback-clock.ts';
import type { Playlist, SegmentEntry } from './playlist.ts';
import { type HistoryOptions, PlaylistHistory } from './playlist-history.ts';
import { checkPlaylist } from './playlist-rules.ts';
import { SegmentFetcher } from './segment-fetcher.ts';
import { Violations } from './violation.ts';

export interface FollowOptions extends HistoryOptions {
  /** Fetch parts, with blocking reloads and delta updates, where they are offered. */
  readonly lowLatency?: boolean;
  /** Keep the media in memory, to be decoded. */
  readonly record?: boolean;
  /** Origins that playlists are asked for in turn, such as the gateways of a cluster. */
  readonly origins?: readonly string[];
  /** Ask for segments that are no longer listed, for as long as they must be there. */
  readonly checkRetention?: boolean;
  /** Only the playlist. */
  readonly withoutMedia?: boolean;
}

/** Media that came without a break in the timeline. */
interface Run {
  readonly map: Buffer | undefined;
  readonly chunks: Buffer[];
}

/** What is refused is asked for again less often than what somebody may just be bringing about. */
const TRIES = 4;
const TRIES_OF_A_FAILURE = 12;
/** Segments whose stay is checked per playlist. */
const RETAINED = 3;

/** Follows one media playlist as a player does (RFC 8216 §6.3.3, §6.3.4) and notes everything that is not right. */
export class MediaFollower {
  readonly url: string;
  readonly history: PlaylistHistory;
  readonly clock = new PlaybackClock();
  readonly #violations = new Violations();
  /** Sequence numbers of segments in the order in which they were had. */
  readonly played: number[] = [];
  /** What could not be had, with the status; −1: what came was not what was asked for. */
  readonly lost: { readonly uri: string; readonly status: number }[] = [];
  /** Answers to playlist requests other than 200. */
  readonly playlistFailures: number[] = [];
  /** Media requests that succeeded only when asked again, by the status of the first answer. */
  readonly retried: number[] = [];
  discontinuities = 0;
  parts = 0;
  bytes = 0;
  ended = false;
  /** The newest playlist. */
  playlist: Playlist | undefined;
  readonly done: Promise<void>;
  readonly #client: HlsClient;
  readonly #fetcher: SegmentFetcher;
  readonly #options: FollowOptions;
  readonly #runs: Run[] = [];
  readonly #stop = new AbortController();
  readonly #checks: Promise<void>[] = [];
  #turn = 0;
  #next = -1;
  /** Parts of the segment `#next` that were had. */
  #nextPart = 0;
  #retained = 0;

  constructor(client: HlsClient, url: string, options: FollowOptions = {}) {
    this.#client = client;
    this.url = url;
    this.#options = options;
    this.history = new PlaylistHistory(options);
    this.#fetcher = new SegmentFetcher(client);
    this.done = this.#follow();
  }

  get violations(): string[] {
    return [...this.#violations.texts, ...this.history.violations.texts];
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.ended) {
      const loadedAt = performance.now();
      const playlist = await this.#load();
      if (this.#stop.signal.aborted) return;
      const before = this.history.listed.at(-1)?.sequence;
      if (playlist) {
        this.#loadedAt = performance.now();
        this.#keepAsking(this.history.add(playlist, this.#loadedAt));
        this.playlist = playlist;
        await this.#media(playlist);
        this.ended = playlist.ended;
      }
      const target = (playlist ?? this.playlist)?.targetDuration ?? 1;
      const changed = playlist !== undefined && this.history.listed.at(-1)?.sequence !== before;
      if (playlist && this.#blocks(playlist)) continue;
      const wait = target * (changed ? 1_000 : 500) - (performance.now() - loadedAt);
      await delay(Math.max(0, wait), undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  #blocks({ tags }: Playlist): boolean {
    const control = tags.find(({ name }) => name === 'EXT-X-SERVER-CONTROL');
    return this.#options.lowLatency === true && control?.attributes.get('CAN-BLOCK-RELOAD') === 'YES';
  }

  /** When the newest playlist had come. */
  #loadedAt = Number.NEGATIVE_INFINITY;

  /** The base of relative URIs: the playlist as it was reached. */
  #base = '';

  async #load(): Promise<Playlist | undefined> {
    const url = new URL(this.url);
    const { origins = [] } = this.#options;
    if (origins.length > 0) {
      const origin = new URL(origins[this.#turn++ % origins.length]!);
      url.host = origin.host;
    }
    if (this.playlist && this.#blocks(this.playlist)) {
      url.searchParams.set('_HLS_msn', `${this.#next}`);
      if (this.playlist.partTarget !== undefined) url.searchParams.set('_HLS_part', `${this.#nextPart}`);
      const control = this.playlist.tags.find(({ name }) => name === 'EXT-X-SERVER-CONTROL');
      const skippedSeconds = Number(control?.attributes.get('CAN-SKIP-UNTIL') ?? 0);
      // Second edition §6.2.5.1: not with a playlist older than half of what is left out.
      const ageMs = performance.now() - this.#loadedAt;
      if (ageMs < (skippedSeconds * 1_000) / 2) url.searchParams.set('_HLS_skip', 'YES');
    }
    const answer = await this.#client.get(url.href);
    if (this.#stop.signal.aborted) return undefined;
    if (answer.status !== 200) {
      this.playlistFailures.push(answer.status);
      return undefined;
    }
    const type = answer.headers['content-type'] ?? '';
    this.#violations.must(
      /^(?:application\/vnd\.apple\.mpegurl|audio\/mpegurl)\b/i.test(type),
      '4',
      `a playlist of type ${type}`,
    );
    this.#base = answer.url;
    const playlist = checkPlaylist(new TextDecoder('utf-8', { ignoreBOM: true }).decode(answer.body));
    for (const { rule, what } of playlist.violations.list) this.#violations.add(rule, what);
    return playlist;
  }

  async #media(playlist: Playlist): Promise<void> {
    const { listed } = this.history;
    if (this.#next < 0) this.#next = startOf(listed, playlist);
    // The server began again, or the window has moved past us.
    const [first, last] = [listed[0]?.sequence ?? 0, listed.at(-1)?.sequence ?? 0];
    if (this.#next < first || this.#next > last + 1) [this.#next, this.#nextPart] = [first, 0];
    for (const segment of listed) {
      if (this.#stop.signal.aborted) return;
      if (segment.sequence < this.#next) continue;
      await this.#segment(segment);
    }
    if (!this.#options.lowLatency) return;
    const trailing = playlist.trailingParts.slice(this.#nextPart);
    const from = listed.at(-1);
    for (const part of trailing) {
      if (this.#stop.signal.aborted) return;
      await this.#part({ ...part, map: from?.map, key: from?.key, sequence: this.#next });
    }
  }

  async #segment(segment: SegmentEntry): Promise<void> {
    const broken = segment.discontinuity || this.played.at(-1) !== segment.sequence - 1;
    if (this.played.length > 0 && segment.discontinuity) this.discontinuities += 1;
    if (broken && this.#nextPart === 0) this.#begin(await this.#mapOf(segment));
    if (this.#nextPart > 0 && segment.parts.length > 0)
      for (const part of segment.parts.slice(this.#nextPart))
        await this.#part({ ...part, map: segment.map, key: segment.key, sequence: segment.sequence });
    else if (!segment.gap) await this.#take(segment.uri, segment);
    this.played.push(segment.sequence);
    [this.#next, this.#nextPart] = [segment.sequence + 1, 0];
  }

  async #part(
    part: Pick<SegmentEntry, 'uri' | 'range' | 'key' | 'map' | 'seconds' | 'sequence'>,
  ): Promise<void> {
    await this.#take(part.uri, part);
    this.parts += 1;
    this.#nextPart += 1;
  }

  async #take(uri: string, of: Pick<SegmentEntry, 'range' | 'key' | 'sequence' | 'seconds'>): Promise<void> {
    if (this.#options.withoutMedia) return;
    const { range, key, sequence, seconds } = of;
    const url = new URL(uri, this.#base).href;
    let status = 0;
    let mostTries = TRIES;
    for (let tries = 0; tries < mostTries && !this.#stop.signal.aborted; tries++) {
      const media = await this.#fetcher.fetch({ url, range, key, sequence, base: this.#base });
      if (typeof media !== 'number') {
        if (tries > 0) this.retried.push(status);
        this.clock.add(seconds);
        this.bytes += media.length;
        if (this.#options.record) this.#runs.at(-1)?.chunks.push(media);
        return;
      }
      if (tries === 0) status = media;
      if (media === 0 || media >= 500) mostTries = TRIES_OF_A_FAILURE;
      await delay(500, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
    if (!this.#stop.signal.aborted) this.lost.push({ uri, status });
  }

  async #mapOf({ map }: SegmentEntry): Promise<Buffer | undefined> {
    if (!map || this.#options.withoutMedia) return undefined;
    const bytes = await this.#fetcher.map(map, this.#base);
    if (!bytes && !this.#stop.signal.aborted) this.lost.push({ uri: map.uri, status: -1 });
    return bytes;
  }

  #begin(map: Buffer | undefined): void {
    this.#runs.push({ map, chunks: [] });
  }

  /** §6.2.2: what is no longer listed must be there for a while. */
  #keepAsking(removed: readonly { segment: SegmentEntry; untilMs: number }[]): void {
    if (!this.#options.checkRetention) return;
    for (const { segment, untilMs } of removed) {
      if (this.#retained >= RETAINED) return;
      this.#retained += 1;
      const url = new URL(segment.uri, this.#base).href;
      const wait = Math.max(0, untilMs - performance.now() - 300);
      const check = delay(wait, undefined, { signal: this.#stop.signal })
        .then(() => this.#client.get(url))
        .then(({ status }) =>
          this.#violations.must(
            status === 200,
            '6.2.2',
            `segment ${segment.sequence} is gone before its time: ${status}`,
          ),
        )
        .catch(() => {});
      this.#checks.push(check);
    }
  }

  /** Decodes what was recorded, and returns what ffmpeg complained about. Only with `record`. */
  async decodeErrors(directory: string): Promise<string[]> {
    const errors: string[] = [];
    for (const [index, { map, chunks }] of this.#runs.entries()) {
      const media = Buffer.concat(chunks);
      if (media.length === 0) continue;
      if (media.subarray(0, 6).toString() === 'WEBVTT') continue;
      const path = join(
        directory,
        `run-${index}-${Math.random().toString(36).slice(2)}.${map ? 'mp4' : 'ts'}`,
      );
      writeFileSync(path, map ? Buffer.concat([map, media]) : wholeUnits(media));
      errors.push(...(await decodeErrors(path)));
    }
    return errors;
  }

  /** Recorded media without a break, one each. */
  get recordings(): Buffer[] {
    return this.#runs.map(({ map, chunks }) => Buffer.concat([...(map ? [map] : []), ...chunks]));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.clock.settle();
    this.#stop.abort();
    await this.done;
    await Promise.all(this.#checks);
  }
}

/** §6.3.3: a live playlist is entered three target durations before its end, at the earliest. */
function startOf(listed: readonly SegmentEntry[], { ended, type, targetDuration }: Playlist): number {
  const first = listed[0]?.sequence ?? 0;
  if (ended || type === 'VOD') return first;
  let behind = 0;
  for (const segment of listed.toReversed()) {
    behind += segment.seconds;
    if (behind >= 3 * targetDuration) return segment.sequence;
  }
  return first;
}

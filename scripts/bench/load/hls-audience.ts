import { setTimeout as delay } from 'node:timers/promises';
import { PlaybackClock } from '@streampool/testkit';
import { Histogram, type Percentiles } from '../measure/histogram.ts';
import { KeptConnection } from './kept-connection.ts';

export interface HlsLoad {
  /** Of a media playlist. */
  readonly url: string;
  readonly viewers: number;
  /**
   * `watch`: as players do, a poll per target duration and each segment once; `playlists`, `segments`: one request after
   * another, the newest segment again and again.
   */
  readonly kind: 'watch' | 'playlists' | 'segments';
}

export interface HlsAudienceReport {
  readonly viewers: number;
  readonly playlists: number;
  readonly segments: number;
  readonly bytes: number;
  /** Answers other than 200, segments that are no whole transport stream, connections that ended. */
  readonly errors: number;
  readonly lastError: string;
  /** Of viewers: segments that had left the playlist before they were fetched. */
  readonly missed: number;
  readonly stalls: number;
  readonly stalledMs: number;
  readonly playlistMs: Percentiles;
  readonly segmentMs: Percentiles;
}

/** Many players of one channel, or as much load as connections of that number can make. */
export class HlsAudience {
  #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #clocks: PlaybackClock[] = [];
  readonly #playlistMs = new Histogram();
  readonly #segmentMs = new Histogram();
  #viewers = 0;
  #counts = { playlists: 0, segments: 0, bytes: 0, errors: 0, missed: 0, lastError: '' };
  #stalledBefore = { stalls: 0, ms: 0 };

  start({ url, viewers, kind }: HlsLoad): void {
    this.#stop = new AbortController();
    this.#viewers = viewers;
    for (let index = 0; index < viewers; index++) {
      const running = this.#viewer(url, kind, index / viewers, `bench-viewer-${index}`).catch(() => {});
      this.#running.add(running);
    }
  }

  async #viewer(url: string, kind: HlsLoad['kind'], phase: number, name: string): Promise<void> {
    const { signal } = this.#stop;
    const connection = new KeptConnection(url, name);
    const { pathname, search } = new URL(url);
    signal.addEventListener('abort', () => connection.close(), { once: true });
    if (kind === 'watch') await this.#watch(connection, url, phase);
    let segment = '';
    let refreshAt = 0;
    while (!signal.aborted) {
      if (kind === 'playlists' || performance.now() > refreshAt) {
        const playlist = await this.#playlist(connection, pathname + search);
        segment = playlist?.segments.at(-1)?.path ?? segment;
        refreshAt = performance.now() + 2_000;
      }
      if (kind === 'segments' && segment !== '')
        await this.#segment(connection, new URL(segment, url).pathname);
    }
  }

  /** RFC 8216 §6.3.4. */
  async #watch(connection: KeptConnection, url: string, phase: number): Promise<void> {
    const { signal } = this.#stop;
    const { pathname, search } = new URL(url);
    const clock = new PlaybackClock();
    this.#clocks.push(clock);
    let next = -1;
    await delay(phase * 2_000, undefined, { signal });
    while (!signal.aborted) {
      const began = performance.now();
      const playlist = await this.#playlist(connection, pathname + search);
      let changed = false;
      if (playlist && playlist.segments.length > 0) {
        const { sequence, segments } = playlist;
        if (next < 0) next = sequence + Math.max(0, segments.length - 3);
        if (next < sequence) {
          this.#counts.missed += sequence - next;
          next = sequence;
        }
        for (const { path, seconds } of segments.slice(next - sequence)) {
          changed = true;
          next += 1;
          const target = new URL(path, url);
          if (await this.#segment(connection, target.pathname + target.search)) clock.add(seconds);
        }
      }
      const wait = (playlist?.target ?? 1) * (changed ? 1_000 : 500) - (performance.now() - began);
      await delay(Math.max(1, wait), undefined, { signal });
    }
  }

  async #playlist(connection: KeptConnection, path: string): Promise<ReadPlaylist | undefined> {
    try {
      const { status, text, ms } = await connection.get(path, { text: true });
      if (status !== 200) throw new Error(`${path}: ${status}`);
      this.#counts.playlists += 1;
      this.#playlistMs.add(ms);
      return readPlaylist(text);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async #segment(connection: KeptConnection, path: string): Promise<boolean> {
    try {
      const { status, bytes, aligned, ms } = await connection.get(path);
      if (status !== 200 || !aligned) throw new Error(`${path}: ${status}, ${bytes} bytes`);
      this.#counts.segments += 1;
      this.#counts.bytes += bytes;
      this.#segmentMs.add(ms);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): undefined {
    if (this.#stop.signal.aborted) return;
    this.#counts.errors += 1;
    this.#counts.lastError = String(error);
  }

  #stalled(): { stalls: number; ms: number } {
    for (const clock of this.#clocks) clock.settle();
    const sum = (of: (clock: PlaybackClock) => number): number =>
      this.#clocks.reduce((total, clock) => total + of(clock), 0);
    return { stalls: sum(({ stalls }) => stalls), ms: sum(({ stalledMs }) => stalledMs) };
  }

  /** Counts from now on. */
  reset(): void {
    this.#counts = { playlists: 0, segments: 0, bytes: 0, errors: 0, missed: 0, lastError: '' };
    this.#stalledBefore = this.#stalled();
    this.#playlistMs.reset();
    this.#segmentMs.reset();
  }

  report(): HlsAudienceReport {
    const { stalls, ms } = this.#stalled();
    return {
      ...{ viewers: this.#viewers, ...this.#counts },
      ...{ stalls: stalls - this.#stalledBefore.stalls, stalledMs: ms - this.#stalledBefore.ms },
      ...{ playlistMs: this.#playlistMs.summary(), segmentMs: this.#segmentMs.summary() },
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    this.#running.clear();
    this.#clocks.length = 0;
  }
}

interface ReadPlaylist {
  readonly target: number;
  readonly sequence: number;
  readonly segments: readonly { readonly path: string; readonly seconds: number }[];
}

function readPlaylist(text: string): ReadPlaylist {
  const number = (tag: string): number => Number(new RegExp(`^#${tag}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const segments = [...text.matchAll(/^#EXTINF:([\d.]+).*\n(?:#.*\n)*([^#\n].*)$/gm)].map(
    ([, seconds, path]) => ({ seconds: Number(seconds), path: path! }),
  );
  return { target: number('EXT-X-TARGETDURATION'), sequence: number('EXT-X-MEDIA-SEQUENCE'), segments };
}

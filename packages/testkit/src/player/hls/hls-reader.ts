import { waitFor } from '../../processes/wait-for.ts';
import { HlsClient } from './hls-client.ts';
import { type FollowOptions, MediaFollower } from './media-follower.ts';
import type { Playlist } from './playlist.ts';
import { checkPlaylist } from './playlist-rules.ts';

export interface HlsReaderOptions extends FollowOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Which variant, by its place in the playlist: the first by default. */
  readonly variant?: number;
  /** Read the renditions of the variant's groups, and the I-frame playlists, too. On by default. */
  readonly renditions?: boolean;
}

/** What somebody who watched would tell. */
export interface HlsReport {
  readonly violations: readonly string[];
  readonly stalls: number;
  readonly stalledMs: number;
  readonly longestStallMs: number;
  readonly segments: number;
  readonly parts: number;
  readonly lost: number;
  readonly retried: number;
  readonly missed: number;
  readonly discontinuities: number;
  readonly playlistFailures: readonly number[];
  readonly reloads: number;
  readonly bytes: number;
}

/**
 * Watches an HLS presentation as a player does and checks every playlist on the way: the media playlist itself, or a
 * variant of a multivariant playlist with the renditions that belong to it.
 */
export class HlsReader {
  readonly client: HlsClient;
  /** The multivariant playlist, where there is one. */
  entry: Playlist | undefined;
  entryUrl = '';
  /** The first is the picture (or what there is of it). */
  readonly followers: MediaFollower[] = [];
  readonly #options: HlsReaderOptions;
  readonly #opened: Promise<void>;
  #failure: string | undefined;

  constructor(url: string, options: HlsReaderOptions = {}) {
    this.#options = options;
    this.client = new HlsClient(options.headers);
    this.#opened = this.#open(url);
  }

  async #open(url: string): Promise<void> {
    const { status, body, url: reached } = await this.client.get(url);
    if (status !== 200) {
      this.#failure = `the entry was answered ${status}: ${body.toString().slice(0, 300)}`;
      return;
    }
    const entry = checkPlaylist(body.toString());
    this.entryUrl = reached;
    if (entry.kind === 'media') {
      this.followers.push(new MediaFollower(this.client, url, this.#options));
      return;
    }
    this.entry = entry;
    const variant = entry.variants[this.#options.variant ?? 0];
    if (!variant) {
      this.#failure = 'a multivariant playlist without a variant';
      return;
    }
    const follow = (uri: string, options = this.#options): void => {
      this.followers.push(new MediaFollower(this.client, new URL(uri, reached).href, options));
    };
    follow(variant.uri);
    if (this.#options.renditions === false) return;
    for (const { name, attributes } of entry.tags) {
      const uri = attributes.get('URI');
      if (uri === undefined) continue;
      if (
        name === 'EXT-X-MEDIA' &&
        variant.attributes.get(attributes.get('TYPE') ?? '') === attributes.get('GROUP-ID')
      )
        follow(uri);
      if (name === 'EXT-X-I-FRAME-STREAM-INF') follow(uri, { ...this.#options, withoutMedia: true });
    }
  }

  /** The follower of the picture. @throws Error when the entry could not be had */
  get main(): MediaFollower {
    if (!this.followers[0]) throw new Error(this.#failure ?? 'not yet open');
    return this.followers[0];
  }

  /** Resolves when that much has been shown since the beginning. */
  async waitForPlayed(seconds: number, timeoutMs = seconds * 1_000 + 40_000): Promise<void> {
    await this.#opened;
    if (this.#failure) throw new Error(this.#failure);
    await waitFor(() => this.main.ended || this.main.clock.playedMs >= seconds * 1_000, {
      ...{ timeoutMs, everyMs: 50 },
      what: () => `${seconds} s of picture: ${JSON.stringify(this.report())}`,
    });
  }

  get violations(): string[] {
    return [
      ...(this.entry?.violations.texts ?? []),
      ...this.followers.flatMap(({ violations }) => violations),
    ];
  }

  report(): HlsReport {
    const all = this.followers;
    const sum = (of: (follower: MediaFollower) => number): number =>
      all.reduce((total, one) => total + of(one), 0);
    for (const { clock } of all) clock.settle();
    return {
      violations: this.violations,
      stalls: sum(({ clock }) => clock.stalls),
      stalledMs: Math.round(sum(({ clock }) => clock.stalledMs)),
      longestStallMs: Math.round(Math.max(0, ...all.map(({ clock }) => clock.longestStallMs))),
      segments: sum(({ played }) => played.length),
      parts: sum(({ parts }) => parts),
      lost: sum(({ lost }) => lost.length),
      retried: sum(({ retried }) => retried.length),
      missed: sum(({ history }) => history.missed.length),
      discontinuities: sum(({ discontinuities }) => discontinuities),
      playlistFailures: all.flatMap(({ playlistFailures }) => playlistFailures),
      reloads: sum(({ history }) => history.reloads),
      bytes: sum(({ bytes }) => bytes),
    };
  }

  /** What ffmpeg complains about in the recordings of all that were followed. Only with `record`. */
  async decodeErrors(directory: string): Promise<string[]> {
    const errors = await Promise.all(this.followers.map((follower) => follower.decodeErrors(directory)));
    return errors.flat();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#opened;
    await Promise.all(this.followers.map((follower) => follower.close()));
    this.client.close();
  }
}

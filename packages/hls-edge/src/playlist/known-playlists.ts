import type { HlsAnswer, HlsRequest, HlsResume } from '@streampool/hls';
import { playlistKey } from '../request-key.ts';
import { keepInFront } from './keep-in-front.ts';
import { type MediaPlaylist, parseMediaPlaylist, progressOf, writeMediaPlaylist } from './media-playlist.ts';

export interface KnownPlaylistsOptions {
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Whether the segment of that URI in the playlist of that request is to be had, whoever made it. */
  readonly isKept: (uri: string, playlist: HlsRequest) => boolean;
  /** A new owner has not gone on where the former one was. */
  readonly onBackwards: (numbers: { readonly before: number; readonly now: number }) => void;
}

interface Known {
  readonly answer: HlsAnswer;
  /** Whoever gave it: an origin, or an owner under an epoch. */
  readonly source: unknown;
  readonly atMs: number;
  /** What an earlier source had listed, as long as some of it may still be shown. */
  readonly front: MediaPlaylist | undefined;
}

export interface Noted {
  /** As it is to be given to players. */
  readonly answer: HlsAnswer;
  /** Of a live media playlist: its newest segment, and the one before. */
  readonly newestUri?: string;
  readonly formerUri?: string;
}

/** The source of what other nodes have handed on. */
const HANDED_ON = Symbol('handed on');
/** Something may still be put in front of a new owner's list while that has no more segments than this. */
const YOUNG_SEGMENTS = 3;
/** A stream has a playlist per variant and rendition, each perhaps in a few spellings. */
const MOST_PLAYLISTS = 64;
/** A playlist is given out again for this long while there is no newer one; ms. */
const GOOD_FOR_MS = 30_000;

/** The newest playlists of one stream, and how they go on from one source to the next. */
export class KnownPlaylists {
  readonly #options: KnownPlaylistsOptions;
  readonly #known = new Map<string, Known>();
  /** As far as delta updates have told, which are not kept themselves: a player that gets those alone goes on from there. */
  readonly #told = new Map<string, HlsResume>();
  readonly #parsed = new WeakMap<HlsAnswer, MediaPlaylist | false>();

  constructor(options: KnownPlaylistsOptions) {
    this.#options = options;
  }

  /** The last one that is still good enough. */
  newest(request: HlsRequest): HlsAnswer | undefined {
    const known = this.#known.get(playlistKey(request));
    return known && this.#options.now() - known.atMs < GOOD_FOR_MS ? known.answer : undefined;
  }

  sourceOf(request: HlsRequest): unknown {
    return this.#known.get(playlistKey(request))?.source;
  }

  progress(request: HlsRequest): HlsResume | undefined {
    const key = playlistKey(request);
    const answer = this.#known.get(key)?.answer;
    const parsed = answer && this.#parse(answer);
    return furthest(this.#told.get(key), answer?.progress ?? (parsed && progressOf(parsed)));
  }

  /** What players know from somebody else than that source, as long as it is live and good. */
  ofAnother(
    request: HlsRequest,
    source: unknown,
  ): { answer: HlsAnswer; segmentUris: readonly string[] } | undefined {
    const answer = this.sourceOf(request) === source ? undefined : this.newest(request);
    const list = answer && this.#parse(answer);
    return list && !hasEnded(list) ? { answer, segmentUris: list.segments.map(({ uri }) => uri) } : undefined;
  }

  /**
   * Players of another node know this from a former owner: it is put in front of what `source` makes here. False: it comes too
   * late for that. What is in front already stays.
   */
  inherit(request: HlsRequest, answer: HlsAnswer, source: unknown): boolean {
    const key = playlistKey(request);
    const known = this.#known.get(key);
    const theirs = this.#parse(answer);
    const newest = theirs?.segments.at(-1)?.sequence;
    if (!theirs || newest === undefined) return false;
    const ours = known && this.#parse(known.answer)?.segments;
    if (known && known.source === source) {
      if (known.front) return true;
      if (!ours || ours.length > YOUNG_SEGMENTS) return false;
      // Players that were answered before see the list begin earlier, once: better than each time that they ask another node.
      this.#known.set(key, { ...known, front: theirs });
      return true;
    }
    if ((ours?.at(-1)?.sequence ?? -1) >= newest) return true;
    if (answer.progress) this.#remember(this.#told, key, answer.progress);
    const inherited = { answer, source: HANDED_ON, atMs: this.#options.now(), front: undefined };
    this.#remember(this.#known, key, inherited);
    return true;
  }

  /** A playlist has come from that source. `isWhole`: with what is to be in front of it. */
  note(request: HlsRequest, answer: HlsAnswer, source: unknown, { isWhole = false } = {}): Noted {
    const key = playlistKey(request);
    if (answer.progress) this.#remember(this.#told, key, answer.progress);
    // Part of a playlist only (a delta update): it says nothing to anybody else.
    if (request.query.has('_HLS_skip') || answer.status !== 200) return { answer };
    const former = this.#known.get(key);
    const isSame = former === undefined || former.source === source;
    const front = isWhole ? undefined : isSame ? former?.front : this.#parse(former.answer);
    const shown = front ? this.#withFront(front, answer, request, isSame) : undefined;
    const known: Known = {
      answer: shown ?? answer,
      source,
      atMs: this.#options.now(),
      front: shown || (!isSame && front && !this.#parse(answer)?.segments.length) ? front : undefined,
    };
    this.#remember(this.#known, key, known);
    if (typeof source !== 'string') return { answer: known.answer };
    const parsed = this.#parse(known.answer);
    if (!parsed || hasEnded(parsed)) return { answer: known.answer };
    const [before, newest] = [parsed.segments.at(-2), parsed.segments.at(-1)];
    return {
      answer: known.answer,
      ...(newest && { newestUri: newest.uri }),
      ...(before && { formerUri: before.uri }),
    };
  }

  #withFront(
    front: MediaPlaylist,
    answer: HlsAnswer,
    request: HlsRequest,
    isSame: boolean,
  ): HlsAnswer | undefined {
    const next = this.#parse(answer);
    if (!next) return undefined;
    const [before, now] = [front.segments.at(-1)?.sequence, next.segments.at(-1)?.sequence];
    if (!isSame && before !== undefined && now !== undefined && now < before)
      this.#options.onBackwards({ before, now });
    const isKept = (uri: string): boolean => this.#options.isKept(uri, request);
    const whole = keepInFront(front, next, { isKept });
    if (!whole) return undefined;
    const shown: HlsAnswer = { ...answer, body: Buffer.from(writeMediaPlaylist(whole)) };
    this.#parsed.set(shown, whole);
    return shown;
  }

  #remember<T>(map: Map<string, T>, key: string, value: T): void {
    map.delete(key);
    map.set(key, value);
    const [oldest] = map.keys();
    if (map.size > MOST_PLAYLISTS && oldest !== undefined) map.delete(oldest);
  }

  #parse(answer: HlsAnswer): MediaPlaylist | undefined {
    const known = this.#parsed.get(answer);
    if (known !== undefined) return known || undefined;
    const parsed = Buffer.isBuffer(answer.body) ? parseMediaPlaylist(answer.body.toString()) : undefined;
    this.#parsed.set(answer, parsed ?? false);
    return parsed;
  }
}

function hasEnded({ tail }: MediaPlaylist): boolean {
  return tail.includes('#EXT-X-ENDLIST');
}

/** Of two that are known, the one with the higher number. */
export function furthest(a: HlsResume | undefined, b: HlsResume | undefined): HlsResume | undefined {
  if (!a || !b) return a ?? b;
  return a.mediaSequence > b.mediaSequence ? a : b;
}

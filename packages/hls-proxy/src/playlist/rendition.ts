import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type HlsResume, type ReadSegment, readMediaPlaylist, readMultivariant } from '@streampool/hls';
import type { Clock } from '@streampool/streaming';
import type { Awaited, LoadedPlaylist } from '../source/playlist-loader.ts';
import type { SourceTurn } from '../source/source-turn.ts';
import type { PlaylistResource } from '../token/resource.ts';
import { counterpartOf, firstVariant } from './counterpart.ts';
import { FormerPlaces } from './former-places.ts';
import type { PlaylistRewriter, Rewritten } from './rewriter.ts';
import { StreamNumbers } from './stream-numbers.ts';
import { type Taken, Timeline } from './timeline.ts';

export interface RenditionOptions {
  /** Where players find it. */
  readonly path: string;
  /** Undefined for the stream's own URL. */
  readonly resource: PlaylistResource | undefined;
  readonly rewriter: PlaylistRewriter;
  readonly numbers: StreamNumbers;
  readonly clock: Clock;
  /** The segment of this URL can be had from the cache. */
  readonly isHeld: (url: string, segment: ReadSegment) => boolean;
}

/** What a load has brought. */
export type RenditionLoad =
  | { readonly kind: 'multivariant'; readonly freshUntilMs: number }
  | { readonly kind: 'media'; readonly freshUntilMs: number; readonly taken: Taken };

/** Where a source has the playlist. */
interface Location {
  readonly url: string;
  readonly from?: string;
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/** Multivariant playlists that name multivariant playlists are followed this far. */
const MOST_DEEP = 2;
const RELOCATE_MS = 10_000;
const DEFAULT_TARGET_MS = 6_000;

/** One playlist as players know it, whichever source it comes from. */
export class Rendition {
  readonly path: string;
  readonly resource: PlaylistResource | undefined;
  readonly timeline: Timeline;
  readonly #options: RenditionOptions;
  /** Of the segments that were listed with the last loads. */
  readonly #urls = new Map<string, string>();
  #places = new Map<string, number>();
  readonly #formerPlaces = new FormerPlaces();
  #text: Buffer | undefined;
  /** The provider's playlist that it was made of, with our addresses. */
  #taken: string | undefined;
  /** Under which turn it was loaded last, and until when that is fresh. */
  #loaded: { readonly turn: SourceTurn; readonly freshUntilMs: number } | undefined;
  #relocation: { readonly turn: SourceTurn; readonly location: Location } | undefined;
  #relocatedAtMs = Number.NEGATIVE_INFINITY;
  /** When somebody last asked for one of its segments. */
  followedAtMs = Number.NEGATIVE_INFINITY;
  /** When it was last loaded. */
  loadedAtMs = Number.NEGATIVE_INFINITY;
  isMultivariant = false;

  constructor(options: RenditionOptions) {
    this.#options = options;
    this.path = options.path;
    this.resource = options.resource;
    this.timeline = new Timeline({
      // What is played in between has numbers of its own.
      numbers: this.isAsset ? new StreamNumbers() : options.numbers,
      isHeld: (segment) => {
        const url = this.#urls.get(segment.uri);
        return url !== undefined && options.isHeld(url, segment);
      },
    });
  }

  /** There is something to answer. */
  get isKnown(): boolean {
    return this.#text !== undefined;
  }

  get body(): Buffer {
    return this.#text ?? Buffer.alloc(0);
  }

  get targetDurationMs(): number {
    return this.timeline.list?.targetDurationMs || DEFAULT_TARGET_MS;
  }

  /** The main picture and sound: where it stands still, viewers do. */
  get isMain(): boolean {
    return this.resource === undefined || this.resource.place.role === 'playlist';
  }

  /** It is played in between: no source of the stream has it in another way, or is to blame for it. */
  get isAsset(): boolean {
    return this.resource?.place.role === 'asset';
  }

  freshForMs(turn: SourceTurn | undefined): number {
    if (!this.#loaded || this.#loaded.turn !== turn) return 0;
    return Math.max(0, this.#loaded.freshUntilMs - this.#options.clock.now());
  }

  /** The place in the list of the segment with this URL (and, of a part of a file, this range); undefined if it is not listed. */
  placeOf(url: string, range?: string): number | undefined {
    return this.#places.get(`${url} ${range ?? ''}`) ?? this.#places.get(`${url} `);
  }

  /**
   * What stands now where a source that is gone had that segment of a film. `undefined`: it never had it; `lost`: nothing
   * that a player could be given instead.
   */
  movedTo(url: string, range?: string): ReadSegment | 'lost' | undefined {
    const name = [`${url} ${range ?? ''}`, `${url} `].find((each) => this.#formerPlaces.has(each));
    if (name === undefined) return undefined;
    const place = this.#formerPlaces.of(name);
    return (place === undefined ? undefined : this.timeline.segments[place]) ?? 'lost';
  }

  /** It has an end, and is read once. */
  get isFilm(): boolean {
    return !this.isMultivariant && !this.isAsset && this.timeline.list?.isEnded === true;
  }

  /** Of what is listed. `isLost`: its source is gone and took it along. `era`: of that source. */
  listed(url: string, range?: string): { readonly era: number; readonly isLost: boolean } | undefined {
    const place = this.placeOf(url, range);
    const found = place === undefined ? undefined : this.timeline.at(place);
    return found && { era: found.era, isLost: found.isGap };
  }

  urlOf(segment: ReadSegment): string | undefined {
    return this.#urls.get(segment.uri);
  }

  /** @throws StreampoolError UPSTREAM_*, NOT_FOUND (the source has nothing of the kind) */
  async load(
    turn: SourceTurn,
    resume: HlsResume | undefined,
    blocking?: { readonly awaited: Awaited; readonly waitMs: number },
  ): Promise<RenditionLoad> {
    const { location, loaded } = await this.#fetch(turn, blocking);
    const { clock, rewriter } = this.#options;
    const { freshUntilMs } = loaded;
    const { variables } = location;
    const context = { path: this.path, source: turn.index, variables, isAsset: this.isAsset };
    await rewriter.prepare(loaded, context, turn.signal);
    // What was on its way when its source was left says nothing any more.
    turn.signal.throwIfAborted();
    const rewritten = rewriter.rewrite(loaded, context);
    this.#loaded = { turn, freshUntilMs };
    this.loadedAtMs = clock.now();
    this.isMultivariant = loaded.isMultivariant;
    if (loaded.isMultivariant) {
      this.#text = Buffer.from(rewritten.text);
      return { kind: 'multivariant', freshUntilMs };
    }
    const taken = this.#take(rewritten, turn, resume);
    return { kind: 'media', freshUntilMs, taken };
  }

  #take(rewritten: Rewritten, turn: SourceTurn, resume: HlsResume | undefined): Taken {
    const list = readMediaPlaylist(rewritten.text);
    const identityOf = (segment: ReadSegment): string => {
      const url = rewritten.urlOf(segment) ?? segment.uri;
      const { offset = '', length = '' } = segment.byteRange ?? {};
      return `${url.replace(/[?#].*$/s, '')} ${offset} ${length}`;
    };
    for (const segment of list.segments) {
      const url = rewritten.urlOf(segment);
      if (url !== undefined) this.#urls.set(segment.uri, url);
    }
    const { text } = rewritten;
    const former = this.isFilm ? { places: this.#places, segments: this.timeline.segments } : undefined;
    const taken = this.timeline.take(
      { text, list, era: this.isAsset ? 0 : turn.era, identityOf },
      this.#options.clock.now(),
      resume,
    );
    if (taken === 'stale' || (taken === 'same' && this.#taken === text)) return taken;
    if (taken === 'switched' && former && list.isEnded)
      this.#formerPlaces.replaced(former, this.timeline.segments);
    this.#taken = text;
    this.#text = Buffer.from(this.timeline.render());
    this.#places = new Map();
    const listed = new Set<string>();
    this.timeline.segments.forEach((segment, index) => {
      listed.add(segment.uri);
      const url = this.#urls.get(segment.uri);
      if (url === undefined) return;
      this.#places.set(`${url} `, index);
      if (segment.byteRange) this.#places.set(`${url} ${rangeOf(segment)}`, index);
    });
    for (const uri of this.#urls.keys()) if (!listed.has(uri)) this.#urls.delete(uri);
    return taken;
  }

  async #fetch(
    turn: SourceTurn,
    blocking?: { readonly awaited: Awaited; readonly waitMs: number },
  ): Promise<{ location: Location; loaded: LoadedPlaylist }> {
    let location = await this.#locate(turn);
    let loaded: LoadedPlaylist;
    try {
      loaded = await turn.loader.load(location, turn.signal, blocking);
    } catch (error) {
      const other = isGone(error) ? await this.#relocate(turn, location) : undefined;
      if (!other) throw error;
      location = other;
      loaded = await turn.loader.load(location, turn.signal);
    }
    // Who has had a media playlist here cannot make anything of another kind.
    const isMoved = this.resource && !this.isAsset && this.resource.source !== turn.index;
    const wantsMedia = !this.timeline.isEmpty || isMoved;
    for (let depth = 0; loaded.isMultivariant && wantsMedia && depth < MOST_DEEP; depth += 1) {
      const { playlists, variables } = readMultivariant(loaded.text, loaded.baseUrl);
      const variant = firstVariant(playlists);
      if (!variant) break;
      location = { url: variant.url, from: loaded.baseUrl, variables };
      loaded = await turn.loader.load(location, turn.signal);
    }
    if (loaded.isMultivariant && wantsMedia)
      throw new StreampoolError('UPSTREAM_NOT_MEDIA', 'The playlist leads to no media');
    return { location, loaded };
  }

  async #locate(turn: SourceTurn): Promise<Location> {
    const { resource } = this;
    if (!resource) return { url: turn.url };
    if (this.#relocation?.turn === turn) return this.#relocation.location;
    if (this.isAsset || resource.source === turn.index) return resource;
    return this.#counterpart(turn, resource);
  }

  /** The addresses of a multivariant playlist may end with the session that it began: there is another one then. */
  async #relocate(turn: SourceTurn, former: Location): Promise<Location | undefined> {
    const { resource } = this;
    const now = this.#options.clock.now();
    if (!resource || this.isAsset || now - this.#relocatedAtMs < RELOCATE_MS) return undefined;
    this.#relocatedAtMs = now;
    turn.loader.forget(turn.url);
    const location = await this.#counterpart(turn, resource);
    if (location.url === former.url) return undefined;
    return location;
  }

  async #counterpart(turn: SourceTurn, resource: PlaylistResource): Promise<Location> {
    const entry = await turn.loader.load({ url: turn.url }, turn.signal);
    let location: Location = { url: turn.url };
    if (entry.isMultivariant) {
      const { playlists, variables } = readMultivariant(entry.text, entry.baseUrl);
      const counterpart = counterpartOf(resource.place, playlists);
      if (!counterpart)
        throw new StreampoolError('NOT_FOUND', 'the source that plays now has no such playlist');
      location = { url: counterpart.url, from: entry.baseUrl, variables };
    } else if (resource.place.role !== 'playlist' && resource.place.type !== 'AUDIO')
      throw new StreampoolError('NOT_FOUND', 'the source that plays now has no such playlist');
    this.#relocation = { turn, location };
    return location;
  }
}

/** As players write it, so that what was fetched ahead is what they ask for. */
export function rangeOf({ byteRange }: ReadSegment): string | undefined {
  return byteRange && `bytes=${byteRange.offset}-${byteRange.offset + byteRange.length - 1}`;
}

function isGone(error: unknown): boolean {
  if (!isStreampoolError(error, 'UPSTREAM_STATUS')) return false;
  const status = error.info.upstreamStatus;
  return typeof status === 'number' && status >= 400 && status < 500;
}

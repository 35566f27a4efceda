import { setImmediate as nextTurn } from 'node:timers/promises';
import { StreampoolError } from '@streampool/errors';
import { type ReadSegment, readMultivariant, rewritePlaylist, type UriRole } from '@streampool/hls';
import type { LoadedPlaylist } from '../source/playlist-loader.ts';
import { type Addresses, assetAt, folderFrom, namedBy, placeOf } from '../token/addresses.ts';
import { kindOf, type PlaylistResource } from '../token/resource.ts';

export interface RewriteContext {
  /** Where the playlist stands. */
  readonly path: string;
  /** The source that it came from. */
  readonly source: number;
  /** It is played in between, and so is what it names. */
  readonly isAsset?: boolean;
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

export interface Rewritten {
  readonly text: string;
  /** The provider's URL of a segment. */
  readonly urlOf: (segment: Pick<ReadSegment, 'uri'>) => string | undefined;
}

/** More addresses than a day's segments of 2 s are no programme, and would hold up everybody else's. */
const MOST_ADDRESSES = 50_000;
/** A shorter playlist is rewritten in a few milliseconds, whatever it names. */
const SMALL_CHARACTERS = 32 * 1024;
/** Sealed in one turn of the event loop: some 10 ms. */
const SEALED_AT_ONCE = 200;
const MOST_KNOWN = 1_000;
/** Addresses that are remembered of all playlists but the newest: some 300 bytes each. */
const MOST_NAMED = 20_000;

/** Which server of a provider is asked is not the player's affair any more. */
const STEERING = /^[ \t]*#EXT-X-CONTENT-STEERING:.*(?:\r\n|\n|\r|$)/gm;

/** Puts our addresses in the place of the provider's. */
export class PlaylistRewriter {
  readonly #addresses: Addresses;
  /** Playlists by their URL, as multivariant playlists have named them: so that reports about them name them alike. */
  readonly #known = new Map<string, PlaylistResource>();
  /**
   * Our addresses of what each playlist named last, in the order of their loading. Sealing one takes some 50 µs, and all but the
   * newest segment of a live playlist stood in it before, be it a window of hours.
   */
  readonly #named = new Map<string, ReadonlyMap<string, string>>();

  constructor(addresses: Addresses) {
    this.#addresses = addresses;
  }

  /** Playlists of which addresses are remembered. */
  get remembered(): number {
    return this.#named.size;
  }

  /**
   * Seals what a long playlist names that was not named before, a little at a time: a film's thousands of segments would hold
   * the event loop, and every other viewer, for as long as seconds.
   * @throws StreampoolError UPSTREAM_NOT_MEDIA; the signal's reason
   */
  async prepare(loaded: LoadedPlaylist, context: RewriteContext, signal: AbortSignal): Promise<void> {
    const { text, baseUrl, isMultivariant } = loaded;
    if (isMultivariant || text.length <= SMALL_CHARACTERS) return;
    const named = new Map(this.#named.get(context.path));
    const unnamed = new Map<string, { readonly url: string; readonly role: UriRole }>();
    let addresses = 0;
    rewritePlaylist(text, {
      baseUrl,
      ...(context.variables && { variables: context.variables }),
      rewriteUri: (url, role) => {
        addresses += 1;
        const name = nameOf(url, role, baseUrl);
        if (kindOf(role) !== 'playlist' && !named.has(name)) unnamed.set(name, { url, role });
        return '';
      },
    });
    if (addresses > MOST_ADDRESSES)
      throw new StreampoolError(
        'UPSTREAM_NOT_MEDIA',
        `The provider's playlist names more than ${MOST_ADDRESSES} addresses`,
      );
    let turn = 0;
    for (const [name, { url, role }] of unnamed) {
      named.set(name, this.#addresses.bodyPath({ url, ...namedBy(url, baseUrl) }, role));
      turn += 1;
      if (turn % SEALED_AT_ONCE > 0) continue;
      await nextTurn();
      signal.throwIfAborted();
    }
    if (unnamed.size > 0) this.#remember(context.path, named);
  }

  /** @throws StreampoolError UPSTREAM_NOT_MEDIA */
  rewrite({ text, baseUrl, isMultivariant }: LoadedPlaylist, context: RewriteContext): Rewritten {
    if (isMultivariant) this.#learn(text, baseUrl, context);
    const folder = folderFrom(context.path);
    const urls = new Map<string, string>();
    const former = this.#named.get(context.path);
    const named = new Map<string, string>();
    const bodyPath = (url: string, role: UriRole): string => {
      const name = nameOf(url, role, baseUrl);
      const path =
        named.get(name) ??
        former?.get(name) ??
        this.#addresses.bodyPath({ url, ...namedBy(url, baseUrl) }, role);
      named.set(name, path);
      return path;
    };
    const rewritten = rewritePlaylist(text.replace(STEERING, ''), {
      baseUrl,
      ...(context.variables && { variables: context.variables }),
      rewriteUri: (url, role) => {
        const path =
          kindOf(role) === 'playlist'
            ? this.#addresses.playlistPath(this.#resourceOf(url, role, baseUrl, context))
            : bodyPath(url, role);
        const uri = folder + path;
        urls.set(uri, url);
        return uri;
      },
    });
    this.#remember(context.path, named);
    return { text: rewritten, urlOf: ({ uri }) => urls.get(uri) };
  }

  #remember(playlist: string, named: ReadonlyMap<string, string>): void {
    this.#named.delete(playlist);
    // What names nothing has nothing to be remembered, and would never be pushed out.
    if (named.size === 0) return;
    this.#named.set(playlist, named);
    let total = 0;
    for (const { size } of this.#named.values()) total += size;
    for (const [oldest, { size }] of this.#named) {
      if (total <= MOST_NAMED || oldest === playlist) break;
      this.#named.delete(oldest);
      total -= size;
    }
  }

  #resourceOf(
    url: string,
    role: UriRole,
    baseUrl: string,
    { source, variables, isAsset = false }: RewriteContext,
  ): PlaylistResource {
    if (role === 'asset') return assetAt(url, baseUrl);
    const known = this.#known.get(url);
    if (known) return known;
    if (isAsset) return { ...assetAt(url, baseUrl), ...(variables && { variables }) };
    const place = { role: 'playlist', place: 0, bandwidth: 0 } as const;
    return {
      ...{ kind: 'playlist', url, source, place },
      ...namedBy(url, baseUrl),
      ...(variables && { variables }),
    };
  }

  #learn(text: string, baseUrl: string, { source, isAsset = false }: RewriteContext): void {
    const { playlists, variables } = readMultivariant(text, baseUrl);
    const named = new Map<string, PlaylistResource>();
    for (const playlist of playlists) {
      // The same playlist may be named by several variants.
      if (named.has(playlist.url)) continue;
      named.set(playlist.url, {
        ...{ kind: 'playlist', url: playlist.url, source, place: placeOf(playlist), variables },
        ...namedBy(playlist.url, baseUrl),
        ...(isAsset && assetAt(playlist.url, baseUrl)),
      });
    }
    for (const [url, resource] of named) {
      this.#known.delete(url);
      this.#known.set(url, resource);
    }
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_KNOWN) break;
      this.#known.delete(oldest);
    }
  }
}

/** What an address is remembered by: the same URL is another address in another role, and where another host names it. */
function nameOf(url: string, role: UriRole, baseUrl: string): string {
  return `${role} ${namedBy(url, baseUrl).from ?? ''} ${url}`;
}

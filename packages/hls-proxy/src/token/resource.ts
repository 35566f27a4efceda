import type { NestedPlaylist, UriRole } from '@streampool/hls';

/**
 * What a playlist is among its like, whichever source it comes from: so that it can be found again at another one. `asset`: it is
 * played in between, and stays what it is whichever source plays.
 */
export type PlaylistPlace = Omit<NestedPlaylist, 'url' | 'audioGroup' | 'role'> & {
  readonly role: NestedPlaylist['role'] | 'asset';
};

/** A playlist that another one names. */
export interface PlaylistResource {
  readonly kind: 'playlist';
  readonly url: string;
  /** Where the playlist that named it came from, if that is another host: whether it may lead there is the address guard's to say. */
  readonly from?: string;
  /** The source whose playlist named it. */
  readonly source: number;
  readonly place: PlaylistPlace;
  /** Of the playlist that named it, for EXT-X-DEFINE:IMPORT. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Everything else: segments, parts and initialization sections; keys; session data; lists of assets. */
export interface BodyResource {
  readonly kind: 'media' | 'key' | 'data' | 'assets';
  readonly url: string;
  /** As of a {@link PlaylistResource}. */
  readonly from?: string;
}

export type Resource = PlaylistResource | BodyResource;

/** What a URI of that role leads to. A part and the hint that announced it are the same resource. */
export function kindOf(role: UriRole): Resource['kind'] {
  switch (role) {
    case 'playlist':
    case 'rendition':
    case 'iframe':
    case 'rendition-report':
    case 'asset':
      return 'playlist';
    case 'key':
      return 'key';
    case 'session-data':
      return 'data';
    case 'asset-list':
      return 'assets';
    default:
      return 'media';
  }
}

import type { ReadSegment } from '@streampool/hls';
import { Rendition, type RenditionOptions } from './playlist/rendition.ts';
import type { StreamNumbers } from './playlist/stream-numbers.ts';
import type { PlaylistResource } from './token/resource.ts';

/** Sessions of providers may give each player other addresses: what was used longest ago is forgotten. */
const MOST = 64;

/** The playlists of one stream that players have asked for. */
export class Renditions {
  readonly #options: Omit<RenditionOptions, 'path' | 'resource'>;
  /** In the order of their last use. */
  readonly #byPath = new Map<string, Rendition>();

  constructor(options: Omit<RenditionOptions, 'path' | 'resource'> & { readonly numbers: StreamNumbers }) {
    this.#options = options;
  }

  at(path: string, resource: PlaylistResource | undefined): Rendition {
    const rendition = this.#byPath.get(path) ?? new Rendition({ ...this.#options, path, resource });
    this.#byPath.delete(path);
    this.#byPath.set(path, rendition);
    for (const oldest of this.#byPath.keys()) {
      if (this.#byPath.size <= MOST) break;
      this.#byPath.delete(oldest);
    }
    return rendition;
  }

  /** The one whose list has this URL. */
  listing(url: string): Rendition | undefined {
    for (const rendition of this.#byPath.values()) if (rendition.placeOf(url) !== undefined) return rendition;
    return undefined;
  }

  /** See `Rendition.movedTo`. */
  movedTo(url: string, range?: string): ReadSegment | 'lost' | undefined {
    for (const rendition of this.#byPath.values()) {
      const moved = rendition.movedTo(url, range);
      if (moved !== undefined) return moved;
    }
    return undefined;
  }

  all(): readonly Rendition[] {
    return [...this.#byPath.values()];
  }
}

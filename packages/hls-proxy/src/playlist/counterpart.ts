import type { NestedPlaylist } from '@streampool/hls';
import type { PlaylistPlace } from '../token/resource.ts';

/**
 * The playlist of another source (or of another session at the same one) that is most like this: a variant by its
 * bandwidth, a rendition by its language and name, else by its place. Sound that the other source has in its variants is
 * found there; undefined where there is nothing of the kind.
 */
export function counterpartOf(
  place: PlaylistPlace,
  playlists: readonly NestedPlaylist[],
): NestedPlaylist | undefined {
  const alike = playlists.filter(({ role, type }) => role === place.role && type === place.type);
  if (place.role === 'rendition') {
    const found =
      alike.find(({ language, name }) => language === place.language && name === place.name) ??
      alike.find(({ language }) => language !== undefined && language === place.language) ??
      alike.find(({ name }) => name !== undefined && name === place.name) ??
      alike[place.place] ??
      alike[0];
    return found ?? (place.type === 'AUDIO' ? firstVariant(playlists) : undefined);
  }
  const nearest = [...alike].sort(
    (a, b) =>
      distance(a.bandwidth, place.bandwidth) - distance(b.bandwidth, place.bandwidth) ||
      Math.abs(a.place - place.place) - Math.abs(b.place - place.place),
  )[0];
  return nearest;
}

/** What a player that wants one media playlist gets: the first variant that has its sound with it. */
export function firstVariant(playlists: readonly NestedPlaylist[]): NestedPlaylist | undefined {
  const variants = playlists.filter(({ role }) => role === 'playlist');
  return variants.find(({ audioGroup }) => audioGroup === undefined) ?? variants[0];
}

/** Ratios count: 1 to 2 Mbit/s is as far as 4 to 8. */
function distance(a: number, b: number): number {
  return a > 0 && b > 0 ? Math.abs(Math.log(a / b)) : 0;
}

import type { ReadSegment } from '@streampool/hls';

/** Durations are rounded, by some to tenths. */
const ROUNDING_MS = 100;
/** Of names of segments, some 200 bytes each: what is remembered of sources before the one that was left last, with that one. */
const MOST_PLACES = 50_000;

/** By URL (and range) of a segment, its place in the list: see `Rendition.placeOf`. */
export type Places = ReadonlyMap<string, number>;

/**
 * Where the segments of a film stood whose source is gone. A playlist with an end is read once (RFC 8216 §6.3.4), so its
 * players go on asking for what only that source had: they get what stands in the same place at the source that plays now,
 * if that has the film cut in the same way.
 */
export class FormerPlaces {
  /** By name. Undefined: it had a place, but players cannot go on there at the source that plays now. */
  #places = new Map<string, number | undefined>();

  /** The list was that of one source, and is another's now. */
  replaced(
    former: { readonly places: Places; readonly segments: readonly ReadSegment[] },
    segments: readonly ReadSegment[],
  ): void {
    const goesOn = isSameFilm(former.segments, segments);
    const older = [...this.#places];
    const room = Math.max(0, MOST_PLACES - former.places.size);
    const known = [...older.slice(Math.max(0, older.length - room)), ...former.places];
    this.#places = new Map(known.map(([name, place]) => [name, goesOn ? place : undefined]));
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** Where it stands now; undefined where the source that plays now has nothing for it. */
  of(name: string): number | undefined {
    return this.#places.get(name);
  }
}

/**
 * Whether players of one list can be given the other's segments without being told: as many, as long, with the same breaks,
 * the same parts of files, and read with the same keys and initialization sections.
 */
export function isSameFilm(former: readonly ReadSegment[], now: readonly ReadSegment[]): boolean {
  if (former.length !== now.length) return false;
  return former.every((segment, index) => {
    const other = now[index]!;
    return (
      Math.abs(segment.durationMs - other.durationMs) <= ROUNDING_MS &&
      segment.isDiscontinuity === other.isDiscontinuity &&
      segment.byteRange?.offset === other.byteRange?.offset &&
      segment.byteRange?.length === other.byteRange?.length &&
      segment.map === other.map &&
      segment.keys.length === other.keys.length &&
      segment.keys.every((key, at) => key === other.keys[at])
    );
  });
}

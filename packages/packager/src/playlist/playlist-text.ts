import { type PlaylistPart, writeHead, writeSegment, writeTail } from '@streampool/hls';
import type { CutPart, OpenSegment } from '../cutting/segment-cutter.ts';
import type { FirstNumbers } from '../window/first-numbers.ts';
import type { ListedSegment } from '../window/live-window.ts';
import type { PlaylistRequest } from './playlist-request.ts';
import { partPath, segmentPath } from './resource-path.ts';

/** A part may be skipped by players that are that far behind, in target durations (rfc8216bis §4.4.3.8: six at least). */
const SKIP_UNTIL = 6;
/** Plain playlists that are longer than this offer delta updates, ms. */
const LONG_MS = 300_000;
/** Parts are named for so many target durations (§4.4.4.9), and players of parts stay so many of those behind (§4.4.3.8). */
const PARTS_FOR = 3;
const PART_HOLD_BACK = 3;

/** What a playlist is written from. */
export interface PlaylistState {
  readonly listed: readonly ListedSegment[];
  readonly durationMs: number;
  readonly first: FirstNumbers;
  /** The first segment follows on an earlier owner's. */
  readonly goesOn: boolean;
  readonly targetDurationS: number;
  readonly partTargetMs: number | undefined;
  /** What follows the last complete segment. */
  readonly open: OpenSegment | undefined;
  readonly openWallMs: number | undefined;
  readonly nextIndex: number;
  readonly ended: boolean;
}

type Wanted = Pick<PlaylistRequest, 'lowLatency' | 'fromStart' | 'skip'>;

/**
 * Writes a stream's playlists: each segment's lines once, each playlist once until something changes, however many ask.
 */
export class PlaylistText {
  readonly #lines = new Map<number, { plain: Buffer; withParts?: Buffer }>();
  readonly #written = new Map<string, Buffer>();
  #oldest = 0;

  /** Something has changed: a segment or part was added, one has left, or the end has come. */
  changed(oldestIndex: number): void {
    this.#written.clear();
    for (; this.#oldest < oldestIndex; this.#oldest += 1) this.#lines.delete(this.#oldest);
  }

  /** The playlist, shared by all who ask for the same. There must be a segment. */
  of(wanted: Wanted, state: PlaylistState): Buffer {
    const key = `${wanted.lowLatency} ${wanted.fromStart} ${wanted.skip}`;
    let text = this.#written.get(key);
    if (!text) {
      text = this.#write(wanted, state);
      this.#written.set(key, text);
    }
    return text;
  }

  #write({ lowLatency, fromStart, skip }: Wanted, state: PlaylistState): Buffer {
    const { listed, durationMs, first, goesOn, targetDurationS, partTargetMs, ended } = state;
    const oldest = listed[0]!;
    const targetMs = targetDurationS * 1000;
    const hasParts = lowLatency && !ended && partTargetMs !== undefined;
    const skipUntilMs = hasParts || durationMs > LONG_MS ? SKIP_UNTIL * targetMs : undefined;
    const skipped = skip && skipUntilMs !== undefined ? olderThan(listed, skipUntilMs) : 0;
    const isTagged = hasDiscontinuity(oldest, goesOn);
    const head = writeHead({
      targetDurationS,
      mediaSequence: first.mediaSequence + oldest.index,
      discontinuitySequence: first.discontinuitySequence + oldest.discontinuities - (isTagged ? 1 : 0),
      independentSegments: listed.every(({ independent }) => independent),
      ...((hasParts || skipUntilMs !== undefined) && {
        serverControl: {
          ...(skipUntilMs !== undefined && { canSkipUntilMs: skipUntilMs }),
          ...(hasParts && { canBlockReload: true, partHoldBackMs: PART_HOLD_BACK * partTargetMs }),
        },
      }),
      ...(hasParts && { partTargetMs }),
      ...(fromStart && { startMs: 0 }),
      ...(skipped > 0 && { skippedSegments: skipped }),
    });
    const withPartsFrom = hasParts ? listed.length - within(listed, PARTS_FOR * targetMs) : listed.length;
    const segments = listed
      .slice(skipped)
      .map((segment, i) => this.#segment(segment, state, skipped + i >= withPartsFrom));
    return Buffer.concat([Buffer.from(head), ...segments, Buffer.from(hasParts ? tail(state) : end(ended))]);
  }

  #segment(segment: ListedSegment, { first, goesOn }: PlaylistState, withParts: boolean): Buffer {
    const mediaSequence = first.mediaSequence + segment.index;
    const what = {
      uri: segmentPath(mediaSequence),
      durationMs: segment.durationMs,
      discontinuity: hasDiscontinuity(segment, goesOn),
      programDateTimeMs: segment.wallMs,
    };
    let lines = this.#lines.get(segment.index);
    if (!lines) {
      lines = { plain: Buffer.from(writeSegment(what)) };
      this.#lines.set(segment.index, lines);
    }
    if (!withParts || segment.parts.length === 0) return lines.plain;
    lines.withParts ??= Buffer.from(writeSegment(what, partsOf(segment.parts, mediaSequence)));
    return lines.withParts;
  }
}

/** Also the first segment has one where it follows on an earlier owner's. */
function hasDiscontinuity({ index, discontinuity }: ListedSegment, goesOn: boolean): boolean {
  return index === 0 ? goesOn : discontinuity;
}

function partsOf(parts: readonly CutPart[], mediaSequence: number): PlaylistPart[] {
  return parts.map(({ durationMs, independent }, i) => ({
    uri: partPath(mediaSequence, i),
    durationMs,
    independent,
  }));
}

function tail({ open, openWallMs, first, nextIndex }: PlaylistState): string {
  const mediaSequence = first.mediaSequence + nextIndex;
  const parts = partsOf(open?.parts ?? [], mediaSequence);
  return writeTail(
    { parts, preloadHint: partPath(mediaSequence, parts.length) },
    {
      discontinuity: open?.discontinuity ?? false,
      ...(openWallMs !== undefined && { programDateTimeMs: openWallMs }),
    },
  );
}

function end(ended: boolean): string {
  return writeTail({ ended });
}

/** How many of the oldest segments are wholly further than this from the end. */
function olderThan(listed: readonly ListedSegment[], ms: number): number {
  return listed.length - within(listed, ms);
}

/** How many of the newest segments begin no further than this from the end, one of them at least partly. */
function within(listed: readonly ListedSegment[], ms: number): number {
  let count = 0;
  let sum = 0;
  while (count < listed.length && sum < ms) {
    sum += listed[listed.length - 1 - count]!.durationMs;
    count += 1;
  }
  return count;
}

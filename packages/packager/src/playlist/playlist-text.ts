import { type PlaylistPart, writeHead, writeSegment, writeTail } from '@streampool/hls';
import type { CutPart, OpenSegment } from '../cutting/segment-cutter.ts';
import type { FirstNumbers } from '../window/first-numbers.ts';
import type { ListedSegment } from '../window/live-window.ts';
import type { PlaylistRequest } from './playlist-request.ts';
import { partPath, segmentPath } from './resource-path.ts';
import { SegmentLines } from './segment-lines.ts';

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
  /** Each begins with a keyframe. */
  readonly independent: boolean;
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
  readonly #lines = new SegmentLines();
  readonly #written = new Map<string, Buffer>();

  /** Something has changed: a segment or part was added, one has left, or the end has come. */
  changed(oldestIndex: number): void {
    this.#written.clear();
    this.#lines.dropBefore(oldestIndex);
  }

  /** The playlist, shared by all who ask for the same. There must be a segment. */
  of(wanted: Wanted, state: PlaylistState): Buffer {
    const key = `${wanted.lowLatency} ${wanted.fromStart} ${wanted.skip}`;
    let text = this.#written.get(key);
    if (!text) {
      this.#writeLines(state);
      text = this.#write(wanted, state);
      this.#written.set(key, text);
    }
    return text;
  }

  /** Those of segments that were not there when a playlist was last asked for. */
  #writeLines(state: PlaylistState): void {
    const { listed } = state;
    const oldest = listed[0]!.index;
    if (this.#lines.next < oldest) this.#lines.restart(oldest);
    for (const segment of listed.slice(this.#lines.next - oldest)) this.#lines.add(linesOf(segment, state));
  }

  #write({ lowLatency, fromStart, skip }: Wanted, state: PlaylistState): Buffer {
    const { listed, durationMs, first, goesOn, targetDurationS, partTargetMs, ended, nextIndex } = state;
    const oldest = listed[0]!;
    const targetMs = targetDurationS * 1000;
    const hasParts = lowLatency && !ended && partTargetMs !== undefined;
    const skipUntilMs = hasParts || durationMs > LONG_MS ? SKIP_UNTIL * targetMs : undefined;
    const skipped = skip && skipUntilMs !== undefined ? listed.length - within(listed, skipUntilMs) : 0;
    const head = writeHead({
      targetDurationS,
      mediaSequence: first.mediaSequence + oldest.index,
      discontinuitySequence:
        first.discontinuitySequence + oldest.discontinuities - (hasDiscontinuity(oldest, goesOn) ? 1 : 0),
      independentSegments: state.independent,
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
    const withParts = hasParts ? listed.slice(-within(listed, PARTS_FOR * targetMs)) : [];
    return Buffer.concat([
      Buffer.from(head),
      this.#lines.between(oldest.index + skipped, withParts[0]?.index ?? nextIndex),
      Buffer.from(withParts.map((segment) => linesOf(segment, state, true)).join('')),
      Buffer.from(hasParts ? tail(state) : writeTail({ ended })),
    ]);
  }
}

function linesOf(segment: ListedSegment, { first, goesOn }: PlaylistState, withParts = false): string {
  const { index, durationMs, wallMs, parts } = segment;
  const mediaSequence = first.mediaSequence + index;
  return writeSegment(
    {
      uri: segmentPath(mediaSequence),
      durationMs,
      discontinuity: hasDiscontinuity(segment, goesOn),
      programDateTimeMs: wallMs,
    },
    withParts ? partsOf(parts, mediaSequence) : [],
  );
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

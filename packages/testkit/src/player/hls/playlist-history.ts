import type { Playlist, SegmentEntry } from './playlist.ts';
import { Violations } from './violation.ts';

export interface HistoryOptions {
  /** What of a URI names the resource: the whole by default. Tokens may change between reloads. */
  readonly identity?: (uri: string) => string;
  /** Ms by which an update may be later than the standard has it: network, timers, a busy machine. */
  readonly slackMs?: number;
}

/** A segment that a playlist no longer lists, and until when it must be there all the same (ms of the given clock). */
export interface Removed {
  readonly segment: SegmentEntry;
  readonly untilMs: number;
}

/**
 * One media playlist over its reloads: what may change and what may not (RFC 8216 §6.2.1, §6.2.2, §4.3.3). Delta updates
 * are put together with what was known before.
 */
export class PlaylistHistory {
  readonly violations = new Violations();
  /** Every sequence number seen, with its segment as it was first listed. */
  readonly segments = new Map<number, SegmentEntry>();
  /** Longest time between two playlists that listed something new, ms. */
  longestUpdateMs = 0;
  /** Sequence numbers that were never listed: the window had moved on between two reloads. */
  readonly missed: number[] = [];
  reloads = 0;
  #last: { playlist: Playlist; segments: readonly SegmentEntry[]; atMs: number } | undefined;
  #changedAt: number | undefined;
  #longestPlaylist = 0;
  readonly #identity: (uri: string) => string;
  readonly #slackMs: number;

  constructor({ identity = (uri) => uri, slackMs = 500 }: HistoryOptions = {}) {
    this.#identity = identity;
    this.#slackMs = slackMs;
  }

  /** All segments of the playlist as it was last loaded, those that a delta update left out included. */
  get listed(): readonly SegmentEntry[] {
    return this.#last?.segments ?? [];
  }

  /** Takes the next reload, and returns what it no longer lists. */
  add(playlist: Playlist, atMs: number): Removed[] {
    const last = this.#last;
    this.reloads += 1;
    const segments = this.#complete(playlist);
    const seconds = segments.reduce((sum, segment) => sum + segment.seconds, 0);
    this.#longestPlaylist = Math.max(this.#longestPlaylist, seconds);
    for (const segment of segments) this.#same(segment);
    const removed = last ? this.#compare(last, playlist, segments, seconds, atMs) : [];
    this.#changedAt ??= atMs;
    this.#last = { playlist, segments, atMs };
    return removed;
  }

  #complete(playlist: Playlist): readonly SegmentEntry[] {
    if (playlist.skipped === 0) return playlist.segments;
    const known = this.listed.filter(
      ({ sequence }) =>
        sequence >= playlist.mediaSequence && sequence < playlist.mediaSequence + playlist.skipped,
    );
    this.violations.must(
      known.length === playlist.skipped,
      'bis 6.2.5.1',
      'a delta update leaves out what was never listed',
    );
    const before = known.at(-1);
    // What a segment takes over from those before it: the key, the map.
    const rest = playlist.segments.map((segment) => ({
      ...segment,
      key: segment.key ?? before?.key,
      map: segment.map ?? before?.map,
      discontinuitySequence:
        segment.discontinuitySequence + known.filter(({ discontinuity }) => discontinuity).length,
    }));
    return [...known, ...rest];
  }

  /** §4.3.2, §6.2.2: a sequence number names one segment for ever. */
  #same(segment: SegmentEntry): void {
    const first = this.segments.get(segment.sequence);
    if (!first) {
      this.segments.set(segment.sequence, segment);
      return;
    }
    const { sequence } = segment;
    const must = (same: boolean, what: string): void =>
      this.violations.must(
        same,
        '6.2.2',
        `segment ${sequence} has another ${what}: ${first.uri}, ${segment.uri}`,
      );
    must(this.#identity(first.uri) === this.#identity(segment.uri), 'URI');
    must(Math.abs(first.seconds - segment.seconds) < 0.0015, 'duration');
    must(first.range?.offset === segment.range?.offset, 'byte range');
    must(first.discontinuitySequence === segment.discontinuitySequence, 'discontinuity sequence');
    must(first.date === undefined || segment.date === undefined || first.date === segment.date, 'date');
  }

  #compare(
    last: { playlist: Playlist; segments: readonly SegmentEntry[]; atMs: number },
    playlist: Playlist,
    segments: readonly SegmentEntry[],
    seconds: number,
    atMs: number,
  ): Removed[] {
    const { violations } = this;
    const before = last.playlist;
    const target = playlist.targetDuration;
    violations.must(
      before.targetDuration === target,
      '4.3.3.1',
      `the target duration changes from ${before.targetDuration} to ${target}`,
    );
    violations.must(
      before.type === playlist.type || before.type === undefined,
      '6.2.1',
      'the playlist type changes',
    );
    violations.must(
      playlist.mediaSequence >= before.mediaSequence,
      '4.3.3.2',
      `the media sequence goes back from ${before.mediaSequence} to ${playlist.mediaSequence}`,
    );
    const [oldEnd, newEnd] = [last.segments, segments].map((list) => list.at(-1)?.sequence ?? -1) as [
      number,
      number,
    ];
    violations.must(newEnd >= oldEnd, '6.2.1', `segments at the end are gone: ${oldEnd}, then ${newEnd}`);
    if (newEnd === oldEnd)
      violations.must(
        playlist.trailingParts.length >= before.trailingParts.length,
        'bis 6.2.1',
        'parts at the end are gone',
      );
    violations.must(
      !before.ended || (newEnd === oldEnd && playlist.ended),
      '6.2.1',
      'a playlist changes after its EXT-X-ENDLIST',
    );
    violations.must(
      playlist.discontinuitySequence >= before.discontinuitySequence,
      '6.2.2',
      `the discontinuity sequence goes back from ${before.discontinuitySequence} to ${playlist.discontinuitySequence}`,
    );
    const removed = last.segments.filter(({ sequence }) => sequence < playlist.mediaSequence);
    // Counted by what is known; segments that were never seen may have had discontinuities of their own.
    const known = (segments[0]?.sequence ?? 0) <= oldEnd + 1;
    if (known) {
      const tags = removed.filter(({ discontinuity }) => discontinuity).length;
      violations.must(
        playlist.discontinuitySequence === before.discontinuitySequence + tags,
        '6.2.2',
        `${tags} discontinuities left, and the discontinuity sequence went from ${before.discontinuitySequence} to ${playlist.discontinuitySequence}`,
      );
    } else
      for (
        let sequence = oldEnd + 1;
        sequence < segments[0]!.sequence && this.missed.length < 1_000;
        sequence++
      )
        this.missed.push(sequence);
    if (removed.length > 0) {
      violations.must(
        playlist.type === undefined,
        '6.2.1',
        `a playlist of type ${playlist.type} loses segments`,
      );
      violations.must(
        playlist.ended || seconds >= 3 * target - 0.01,
        '6.2.2',
        `${seconds.toFixed(2)} s are left of a live playlist: less than three target durations`,
      );
    }
    const changed =
      newEnd > oldEnd || playlist.trailingParts.length !== before.trailingParts.length || playlist.ended;
    this.#punctual(changed, target, last.atMs, atMs);
    const longest = this.#longestPlaylist;
    // §6.2.2: for the duration of the segment and of the longest playlist that listed it, counted from its removal.
    return removed.map((segment) => ({ segment, untilMs: last.atMs + (segment.seconds + longest) * 1_000 }));
  }

  /** §6.2.1: a new version at most 1.5 target durations after the one before. Seen from outside, a reload may add its own interval. */
  #punctual(changed: boolean, target: number, lastMs: number, atMs: number): void {
    if (!changed) return;
    const since = lastMs - (this.#changedAt ?? lastMs);
    this.longestUpdateMs = Math.max(this.longestUpdateMs, since);
    this.violations.must(
      since <= 1_500 * target + this.#slackMs,
      '6.2.1',
      `nothing new for ${(since / 1_000).toFixed(1)} s: more than 1.5 target durations`,
    );
    this.#changedAt = atMs;
  }
}

import type { HlsResume, ReadPlaylist, ReadSegment } from '@streampool/hls';
import { firstOfSwitch } from './first-of-switch.ts';
import type { StreamNumbers } from './stream-numbers.ts';
import { type Listed, targetOf, writeTimeline } from './write-timeline.ts';

/** A media playlist as a source has it now, with our addresses in it. */
export interface TakenPlaylist {
  readonly text: string;
  readonly list: ReadPlaylist;
  /** Counts the sources that have played one after the other. */
  readonly era: number;
  /** The same for the same segment, also where its URL is signed anew each time. */
  readonly identityOf: (segment: ReadSegment) => string;
}

export interface TimelineOptions {
  readonly numbers: StreamNumbers;
  /** The segment can be had although its source is gone. */
  readonly isHeld: (segment: ReadSegment) => boolean;
}

/**
 * - `moved`: there is something new. `same`: nothing has changed. `stale`: an answer from before the last one.
 * - `restarted`: the provider has begun anew. `switched`: another source goes on.
 */
export type Taken = 'moved' | 'same' | 'stale' | 'restarted' | 'switched';

/** A stretch of segments whose provider's numbers become ours by the same offsets. */
interface Stretch {
  readonly era: number;
  readonly restarts: number;
  sequence: number;
  discontinuity: number;
  /** The provider's number of the first segment that is ours. */
  readonly first: number;
  /** It follows something else, so it begins with a discontinuity. */
  readonly isContinuation: boolean;
  /** The provider's number of its newest. */
  last: number;
}

/** Numbers may be far ahead of what another node saw last, and still be those of the same source. */
const MOST_AHEAD = 100;
/** Segments with which an unknown time is bridged. */
const AFTER_RESUME = 3;
/** A live playlist is never shorter than this many target durations, where it can be helped (RFC 8216 §6.2.2). */
const LEAST_TARGETS = 3;

/**
 * One media playlist as players see it, whatever becomes of the sources behind it (RFC 8216 §6.2.2): its media sequence
 * and its discontinuity sequence never go back, a number never stands for two segments, and what does not follow from what
 * was before is marked as a discontinuity. As long as there is nothing to mend, the provider's own lines and numbers are
 * passed on untouched.
 */
export class Timeline {
  readonly #options: TimelineOptions;
  #listed: Listed[] = [];
  #stretch: Stretch | undefined;
  #identities = new Map<number, string>();
  #latest: TakenPlaylist | undefined;
  #newest: HlsResume | undefined;
  /** Ours, when its source was last changed: the list is not to grow longer than it was. */
  #window = 0;
  /** When it last had something new; monotonic ms. */
  movedAtMs = 0;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#latest === undefined;
  }

  get list(): ReadPlaylist | undefined {
    return this.#latest?.list;
  }

  /** Of the newest segment. */
  get progress(): HlsResume | undefined {
    return this.#newest;
  }

  /** What is listed now, the oldest first. */
  get segments(): readonly ReadSegment[] {
    return this.#listed.map(({ segment }) => segment);
  }

  get durationMs(): number {
    return lengthOf(this.#listed);
  }

  /** From which source the segment at this place of the list comes, and whether it cannot be had any more. */
  at(place: number): Pick<Listed, 'era' | 'isGap'> | undefined {
    return this.#listed[place];
  }

  /** `resume`: how far the playlist had come at another node. */
  take(taken: TakenPlaylist, nowMs: number, resume?: HlsResume): Taken {
    const outcome = this.#place(taken, nowMs, resume);
    if (outcome === 'stale') return outcome;
    this.#latest = taken;
    this.#list(taken);
    if (outcome !== 'same') this.movedAtMs = nowMs;
    return outcome;
  }

  /** Ours for the provider's number of the latest source. */
  toProvider(sequence: number): number {
    return sequence - (this.#stretch?.sequence ?? 0);
  }

  /** Whether a player that asked for this segment, or this part of it, need not wait any longer. */
  has(sequence: number, part: number | undefined): boolean {
    const newest = this.#newest?.mediaSequence ?? -1;
    if (newest >= sequence || this.#latest?.list.isEnded) return true;
    return part !== undefined && newest + 1 === sequence && (this.#latest?.list.openParts ?? 0) > part;
  }

  /** The playlist. `skip`: only what is new to whoever has had it a moment ago (EXT-X-SKIP), where the provider offers that. */
  render(skip = false): string {
    const latest = this.#latest;
    if (!latest) return '';
    const { sequence, discontinuity, first } = this.#stretch!;
    const isUntouched =
      sequence === 0 &&
      discontinuity === 0 &&
      first <= latest.list.mediaSequence &&
      this.#listed.length === latest.list.segments.length;
    if (isUntouched && !skip) return latest.text;
    return writeTimeline(latest.list, this.#listed, skip);
  }

  #place(taken: TakenPlaylist, nowMs: number, resume: HlsResume | undefined): Taken {
    const { list, era } = taken;
    const stretch = this.#stretch;
    // A provider that begins anew shows nothing at first: players keep what they have.
    if (list.segments.length === 0 && this.#newest) return 'stale';
    // It was on its way when its source was left.
    if (stretch && era < stretch.era) return 'stale';
    if (!stretch) {
      this.#begin(taken, resume);
      return 'moved';
    }
    if (stretch.era !== era) {
      if (list.isEnded && this.#latest?.list.isEnded) this.#replace(taken);
      else this.#goOn(taken, nowMs, 0);
      return 'switched';
    }
    const last = list.mediaSequence + list.segments.length - 1;
    if (list.segments.length > 0 && last < stretch.last) {
      const isKnown = list.segments.some(
        (segment, index) => this.#identities.get(list.mediaSequence + index) === taken.identityOf(segment),
      );
      if (isKnown) return 'stale';
      this.#goOn(taken, nowMs, stretch.restarts + 1);
      return 'restarted';
    }
    const former = this.#latest?.list;
    const hasMoved =
      last > stretch.last || former?.isEnded !== list.isEnded || former.openParts !== list.openParts;
    return hasMoved ? 'moved' : 'same';
  }

  /** The first playlist that this timeline sees. */
  #begin({ list, era }: TakenPlaylist, resume: HlsResume | undefined): void {
    const { numbers } = this.#options;
    const restarts = numbers.restartsOf(era);
    const stretch = stretchName(era, restarts);
    const last = list.mediaSequence + list.segments.length - 1;
    const shared = numbers.of(stretch);
    if (shared || list.isEnded || !resume || goesOn(list, resume)) {
      const { sequence, discontinuity } = shared ?? { sequence: 0, discontinuity: 0 };
      if (!list.isEnded) numbers.set(stretch, { sequence, discontinuity });
      // Numbers below 0 do not exist.
      const first = sequence < 0 ? -sequence : 0;
      this.#stretch = { era, restarts, sequence, discontinuity, first, isContinuation: false, last };
      return;
    }
    this.#newest = resume;
    const skipped = Math.max(0, list.segments.length - AFTER_RESUME);
    this.#stretch = this.#following(list, era, restarts, skipped);
    numbers.set(stretch, this.#stretch);
  }

  /** A film from another source is the same film from its beginning: whoever asks for its playlist now has not had it yet. */
  #replace({ list, era }: TakenPlaylist): void {
    const last = list.mediaSequence + list.segments.length - 1;
    this.#listed = [];
    const restarts = this.#options.numbers.restartsOf(era);
    this.#stretch = { era, restarts, sequence: 0, discontinuity: 0, first: 0, isContinuation: false, last };
  }

  /** Another source, or the same that began anew. */
  #goOn({ list, era }: TakenPlaylist, nowMs: number, restarts: number): void {
    const { numbers } = this.#options;
    numbers.noteRestart(era, restarts);
    const shared = numbers.of(stretchName(era, restarts));
    const former = this.#withGaps();
    this.#listed = former;
    this.#window = Math.max(former.length, list.segments.length);
    const newest = this.#newest?.mediaSequence ?? -1;
    const whole = former.findLastIndex(({ isGap }) => !isGap);
    const skipped =
      restarts > 0
        ? 0
        : firstOfSwitch(list.segments, {
            missingMs: nowMs - this.movedAtMs + lengthOf(former.slice(whole + 1)),
            endsAtMs: endOf(former[whole]?.segment),
          });
    const next = shared && newest + 1 - shared.sequence - list.mediaSequence;
    if (shared && next !== undefined && next < list.segments.length) {
      // As its siblings have it; where they are ahead already, with a gap in the numbers.
      const first = list.mediaSequence + Math.max(0, next);
      const { sequence } = shared;
      // Siblings that have been asked for during other sources' time have counted others: here one follows what is listed.
      const own = discontinuitiesOf(list)[first - list.mediaSequence] ?? 0;
      const least = (this.#newest?.discontinuitySequence ?? -1) + 1 - own;
      const discontinuity = next < 0 ? Math.max(shared.discontinuity, least) : least;
      const last = list.mediaSequence + list.segments.length - 1;
      this.#stretch = { era, restarts, sequence, discontinuity, first, isContinuation: true, last };
      if (next < 0) this.#listed = [];
      return;
    }
    this.#stretch = this.#following(list, era, restarts, skipped);
    numbers.set(stretchName(era, restarts), this.#stretch);
  }

  /** The stretch that begins after so many of the list's segments and follows what was before. */
  #following(list: ReadPlaylist, era: number, restarts: number, skipped: number): Stretch {
    const newest = this.#newest ?? { mediaSequence: -1, discontinuitySequence: -1 };
    const first = list.mediaSequence + skipped;
    const discontinuities = discontinuitiesOf(list)[skipped] ?? list.discontinuitySequence ?? 0;
    return {
      ...{ era, restarts, first, isContinuation: newest.mediaSequence >= 0 },
      sequence: newest.mediaSequence + 1 - first,
      discontinuity: newest.discontinuitySequence + 1 - discontinuities,
      last: list.mediaSequence + list.segments.length - 1,
    };
  }

  /** What was listed: what cannot be had any more keeps its number, which players know, and is not to be asked for. */
  #withGaps(): Listed[] {
    return this.#listed.map((one) => ({ ...one, isGap: one.isGap || !this.#options.isHeld(one.segment) }));
  }

  /** What precedes the latest source's segments: no more than was listed before, and no less than a live playlist must have. */
  #inFront(former: readonly Listed[], own: readonly Listed[], list: ReadPlaylist): readonly Listed[] {
    const most = Math.max(this.#window, own.length);
    for (let kept = former; ; kept = kept.slice(1)) {
      const [oldest, ...rest] = kept;
      if (!oldest) return kept;
      const left = [...rest, ...own];
      const isEnough = lengthOf(left) >= LEAST_TARGETS * 1000 * targetOf(list, left);
      const isTooMuch = kept.length + own.length > most || oldest.isGap;
      if (!isTooMuch || !isEnough) return kept;
    }
  }

  #list({ list, identityOf }: TakenPlaylist): void {
    const stretch = this.#stretch!;
    const numbers = discontinuitiesOf(list);
    this.#keepDiscontinuities(list, numbers, stretch);
    const own: Listed[] = [];
    const identities = new Map<number, string>();
    list.segments.forEach((segment, index) => {
      const number = list.mediaSequence + index;
      if (number < stretch.first) return;
      identities.set(number, identityOf(segment));
      own.push({
        segment,
        era: stretch.era,
        stretch: stretchName(stretch.era, stretch.restarts),
        number,
        sequence: number + stretch.sequence,
        discontinuity: Math.max(0, (numbers[index] ?? 0) + stretch.discontinuity),
        isMarked: segment.isDiscontinuity,
        needsMark: !segment.isDiscontinuity && stretch.isContinuation && number === stretch.first,
        isGap: false,
      });
    });
    const name = stretchName(stretch.era, stretch.restarts);
    // A gap behind what was before cannot be told of: then it is over.
    const follows = list.mediaSequence <= stretch.first;
    const former = follows ? this.#listed.filter((listed) => listed.stretch !== name) : [];
    const kept = this.#inFront(former, own, list);
    this.#listed = canFollow(kept.at(-1)?.segment, own[0]?.segment) ? [...kept, ...own] : own;
    this.#identities = identities;
    if (own.length > 0) stretch.last = own.at(-1)!.number;
    const newest = this.#listed.at(-1);
    if (newest)
      this.#newest = { mediaSequence: newest.sequence, discontinuitySequence: newest.discontinuity };
  }

  /** A provider that never says its discontinuity sequence forgets a discontinuity when it slides out of its list. */
  #keepDiscontinuities(list: ReadPlaylist, numbers: readonly number[], stretch: Stretch): void {
    if (list.discontinuitySequence !== undefined) return;
    for (const { stretch: name, number, discontinuity } of this.#listed) {
      if (name !== stretchName(stretch.era, stretch.restarts)) continue;
      const now = numbers[number - list.mediaSequence];
      if (now === undefined) continue;
      stretch.discontinuity += Math.max(0, discontinuity - (now + stretch.discontinuity));
      return;
    }
  }
}

function stretchName(era: number, restarts: number): string {
  return `${era}.${restarts}`;
}

/** The provider's discontinuity sequence of each segment, its own tag counted. */
function discontinuitiesOf(list: ReadPlaylist): number[] {
  let count = list.discontinuitySequence ?? 0;
  return list.segments.map(({ isDiscontinuity }) => {
    if (isDiscontinuity) count += 1;
    return count;
  });
}

/** Whether the source's own numbers may be what another node has passed on: its segments, and how many discontinuities there were. */
function goesOn(list: ReadPlaylist, { mediaSequence: after, discontinuitySequence }: HlsResume): boolean {
  const last = list.mediaSequence + list.segments.length - 1;
  if (last < after - 1 || last > after + MOST_AHEAD) return false;
  const numbers = discontinuitiesOf(list);
  const next = numbers[Math.max(0, after - list.mediaSequence)] ?? numbers.at(-1) ?? 0;
  return next >= discontinuitySequence;
}

function lengthOf(listed: readonly Listed[]): number {
  return listed.reduce((sum, { segment }) => sum + segment.durationMs, 0);
}

function endOf(segment: ReadSegment | undefined): number | undefined {
  return segment?.startsAtMs === undefined ? undefined : segment.startsAtMs + segment.durationMs;
}

/** An EXT-X-MAP cannot be taken back (RFC 8216 §4.3.2.5): what needs none cannot follow what needs one. */
function canFollow(former: ReadSegment | undefined, next: ReadSegment | undefined): boolean {
  return former?.map === undefined || next === undefined || next.map !== undefined;
}

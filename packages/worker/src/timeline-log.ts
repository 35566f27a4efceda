import {
  complete,
  foldKey,
  isAgain,
  merged,
  type NewEvent,
  type NewTimelineEntry,
  type TimelineEntry,
  type TimelineSubject,
} from '@streampool/state';
import type { StoreTime } from './store-time.ts';

export interface TimelineLogOptions {
  readonly node: string;
  readonly time: StoreTime;
  /** ms since the epoch, by this host's clock. */
  readonly wallNow: () => number;
  /** The most entries that wait to be told, of streams and of viewers each; the oldest make way. */
  readonly mostPending: number;
  /** The most that are remembered after they were told, for when the state is away. */
  readonly mostRecent: number;
}

/** `atMs`: ms since the epoch by this host's clock; now by default. */
export type Happening = Omit<NewTimelineEntry, 'node' | 'atMs'> & { readonly atMs?: number };

/** One entry, by this host's clock. */
interface Noted {
  entry: TimelineEntry;
  readonly key: string;
  /** Also an event. */
  readonly isNews: boolean;
  isPending: boolean;
}

/**
 * What happened at this node that the store has yet to be told of. What repeats itself until then is one entry that
 * counts: however fast a source flaps, a beat has one line for it.
 */
export class TimelineLog {
  readonly #options: TimelineLogOptions;
  readonly #ofStreams = new Set<Noted>();
  readonly #ofViewers = new Set<Noted>();
  /** Those that still may be added to: not in a beat under way. */
  readonly #open = new Map<string, Noted>();
  #recent: Noted[] = [];
  #dropped = 0;

  constructor(options: TimelineLogOptions) {
    this.#options = options;
  }

  /** Never told, because too much happened while the store was away. */
  get dropped(): number {
    return this.#dropped;
  }

  get pending(): number {
    return this.#ofStreams.size + this.#ofViewers.size;
  }

  /** `isNews`: nothing else tells of it as an event. */
  add(happening: Happening, { isNews = false } = {}): void {
    const { node, wallNow } = this.#options;
    const now = wallNow();
    const entry = complete({ ...happening, node, atMs: happening.atMs ?? now }, now);
    const key = `${entry.streamId}|${foldKey(entry)}`;
    const open = this.#open.get(key);
    if (open && isAgain(open.entry, entry)) {
      open.entry = merged(open.entry, entry);
      return;
    }
    const noted: Noted = { entry, key, isNews, isPending: true };
    this.#open.set(key, noted);
    this.#recent.push(noted);
    this.#await(noted);
  }

  /** The oldest that wait, at most `limit`, of streams first. What happens again from now on is another entry. */
  batch(limit: number): readonly Noted[] {
    const batch = [...this.#ofStreams, ...this.#ofViewers].slice(0, limit);
    for (const noted of batch) this.#close(noted);
    return batch;
  }

  /** The store has taken the batch. */
  sent(batch: readonly Noted[]): void {
    for (const noted of batch) {
      noted.isPending = false;
      this.#ofStreams.delete(noted);
      this.#ofViewers.delete(noted);
    }
  }

  /** A batch by the store's clock. */
  toBeat(batch: readonly Noted[]): { timeline: TimelineEntry[]; events: NewEvent[] } {
    return {
      timeline: batch.map(({ entry }) => this.#told(entry)),
      events: batch
        .filter(({ isNews }) => isNews)
        .map(({ entry: { type, streamId, data, count } }) => ({
          ...{ type, streamId, data: count > 1 ? { ...data, count } : data },
        })),
    };
  }

  /** What this node remembers of a stream or a viewer, oldest first. `untold`: only what the store does not know yet. */
  recall(subject: TimelineSubject, { untold = false } = {}): TimelineEntry[] {
    return this.#recent
      .filter(({ entry, isPending }) => (isPending || !untold) && isOf(subject, entry))
      .map(({ entry }) => this.#told(entry));
  }

  #told(entry: TimelineEntry): TimelineEntry {
    const { time } = this.#options;
    return { ...entry, atMs: time.from(entry.atMs), lastMs: time.from(entry.lastMs) };
  }

  #close(noted: Noted): void {
    if (this.#open.get(noted.key) === noted) this.#open.delete(noted.key);
  }

  #await(noted: Noted): void {
    const { mostPending, mostRecent } = this.#options;
    const pending = noted.entry.clientId === undefined ? this.#ofStreams : this.#ofViewers;
    pending.add(noted);
    if (pending.size > mostPending) {
      const [oldest] = pending;
      this.#close(oldest as Noted);
      this.sent([oldest as Noted]);
      this.#dropped += 1;
    }
    // In one go, now and then: taking away the first of an array costs as much as all of it.
    if (this.#recent.length >= 2 * mostRecent) this.#recent = this.#recent.slice(-mostRecent);
  }
}

function isOf(subject: TimelineSubject, { streamId, clientId }: TimelineEntry): boolean {
  return 'clientId' in subject
    ? clientId === subject.clientId
    : clientId === undefined && streamId === subject.streamId;
}

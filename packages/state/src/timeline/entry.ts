import type { EventType } from '../records.ts';

export type EntryData = Readonly<Record<string, string | number | boolean>>;

/** What happened to a stream, or (with `clientId`) to one of its viewers. Times by the store's clock. */
export interface TimelineEntry {
  readonly type: EventType;
  readonly streamId: string;
  readonly clientId?: string;
  /** Id of the node that saw it; '' where several did. */
  readonly node: string;
  /** When it happened for the first time, and for the last, if the same happened again soon. */
  readonly atMs: number;
  readonly lastMs: number;
  /** How often it happened. */
  readonly count: number;
  readonly data: EntryData;
}

/** One to be kept. A time in the store's future counts as now. */
export interface NewTimelineEntry extends Omit<TimelineEntry, 'lastMs' | 'count'> {
  readonly lastMs?: number;
  readonly count?: number;
}

/** Whose timeline. */
export type TimelineSubject = { readonly streamId: string } | { readonly clientId: string };

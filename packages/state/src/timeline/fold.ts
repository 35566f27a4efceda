import type { EntryData, NewTimelineEntry, TimelineEntry } from './entry.ts';

/**
 * Budgets of what is kept, whatever flaps or floods. Nothing stays longer than `keepMs`.
 */
export const TIMELINE = {
  keepMs: 60 * 60 * 1000,
  /** The same within this time after its first is one entry that counts. */
  foldMs: 60 * 1000,
  /** The same for what a stream's timeline says of its viewers, so that their coming and going leaves room for what happened to it. */
  foldViewersMs: 5 * 60 * 1000,
  /** How far back the same is looked for. */
  lookBack: 16,
  /** Entries of one stream, and of one viewer. */
  subjectMost: 200,
  /** SQLite: of all streams, and of all viewers. */
  tableMost: 100_000,
  /** Redis: viewers share this many lists, each of which holds so many entries. */
  lists: 4_096,
  listMost: 128,
} as const;

/** Figures that make two entries different things. */
const TELLING = ['code', 'index', 'reason', 'failoverIndex', 'fault', 'provider', 'to'] as const;
/** Figures of repetitions that add up; of those that end in `Ms` the longest counts, of all others the newest. */
const SUMMED: ReadonlySet<string> = new Set(['skips', 'bytesSkipped', 'bytes']);

/** What two entries have in common that are the same thing again. The stream is not part of it. */
export function foldKey({
  type,
  clientId = '',
  data,
}: Pick<NewTimelineEntry, 'type' | 'clientId' | 'data'>): string {
  return [type, clientId, ...TELLING.map((name) => data[name] ?? '')].join('|');
}

/** An entry as it is kept: counted, and not in the store's future. */
export function complete(entry: NewTimelineEntry, nowMs: number): TimelineEntry {
  const { count = 1, lastMs = entry.atMs } = entry;
  return {
    ...entry,
    atMs: Math.min(Math.round(entry.atMs), nowMs),
    lastMs: Math.min(Math.round(lastMs), nowMs),
    count,
  };
}

/** Within which time from its first the same is one entry. */
export function foldMsOf({ type, clientId }: Pick<NewTimelineEntry, 'type' | 'clientId'>): number {
  return clientId === undefined && /^(?:client|viewer)_/.test(type)
    ? TIMELINE.foldViewersMs
    : TIMELINE.foldMs;
}

/** True if another entry of the same fold key is this one again. */
export function isAgain(earlier: TimelineEntry, later: TimelineEntry): boolean {
  return Math.abs(later.atMs - earlier.atMs) < foldMsOf(later);
}

/** Two entries of the same fold key as one. `include/timeline.lua` does the same. */
export function merged(earlier: TimelineEntry, later: TimelineEntry): TimelineEntry {
  return {
    ...earlier,
    node: earlier.node === later.node ? earlier.node : '',
    atMs: Math.min(earlier.atMs, later.atMs),
    lastMs: Math.max(earlier.lastMs, later.lastMs),
    count: earlier.count + later.count,
    data: mergedData(earlier.data, later.data),
  };
}

function mergedData(earlier: EntryData, later: EntryData): EntryData {
  const data = { ...earlier, ...later };
  for (const [name, value] of Object.entries(earlier)) {
    const other = later[name];
    if (typeof value !== 'number' || typeof other !== 'number') continue;
    if (SUMMED.has(name)) data[name] = value + other;
    else if (name.endsWith('Ms')) data[name] = Math.max(value, other);
  }
  return data;
}

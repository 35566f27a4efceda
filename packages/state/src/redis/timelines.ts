import { createHash } from 'node:crypto';
import { shownData } from '../shown-stream.ts';
import type { NewTimelineEntry, TimelineEntry, TimelineSubject } from '../timeline/entry.ts';
import { complete, foldKey, foldMsOf, TIMELINE } from '../timeline/fold.ts';
import type { Connection } from './connection.ts';

/** An entry for include/timeline.lua, which does the rest. */
export function entryArgument(given: NewTimelineEntry): TimelineEntry & { fold: string; foldMs: number } {
  const data = shownData(given.data);
  const entry = complete({ ...given, data }, Number.MAX_SAFE_INTEGER);
  // Short, and nothing in it that JSON would escape: the script compares text.
  const fold = createHash('sha1').update(foldKey(entry)).digest('hex').slice(0, 12);
  return { ...entry, fold, foldMs: foldMsOf(entry) };
}

/** Oldest first. */
export async function readTimeline(redis: Connection, subject: TimelineSubject): Promise<TimelineEntry[]> {
  const clientId = 'clientId' in subject ? subject.clientId : '';
  const streamId = 'streamId' in subject ? subject.streamId : '';
  const [nowMs, kept] = (await redis.run('read-timeline', streamId, clientId)) as [number, string[]];
  return kept
    .map(toEntry)
    .filter((entry) => entry.lastMs >= nowMs - TIMELINE.keepMs && (entry.clientId ?? '') === clientId)
    .sort((a, b) => a.atMs - b.atMs);
}

function toEntry(json: string): TimelineEntry {
  const { fold: _fold, ...entry } = JSON.parse(json) as TimelineEntry & { fold: string };
  return entry;
}

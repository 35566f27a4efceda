import { redactText } from '@streampool/redaction';
import { explain, type TimelineEntry } from '@streampool/state';
import type { z } from 'zod';
import type { shownTimelineEntry, TimelineQuery } from '../schemas/timelines.ts';
import type { Timeline } from './timelines.ts';

/** The newest that were asked for, the newest last. */
export function showTimeline({ entries, complete }: Timeline, { limit, since }: TimelineQuery) {
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const shown = entries.filter(({ lastMs }) => lastMs >= sinceMs).slice(-limit);
  return { complete, entries: shown.map(showEntry) };
}

function showEntry(entry: TimelineEntry): z.output<typeof shownTimelineEntry> {
  const { type, streamId, clientId, node, atMs, lastMs, count, data } = entry;
  const { cause, detail } = explain(entry);
  return {
    at: new Date(atMs).toISOString(),
    until: lastMs > atMs ? new Date(lastMs).toISOString() : null,
    type,
    cause,
    detail: redactText(detail),
    stream_id: streamId,
    client_id: clientId ?? null,
    node: node === '' ? null : node,
    count,
    data: Object.fromEntries(
      Object.entries(data).map(([name, value]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        typeof value === 'string' ? redactText(value) : value,
      ]),
    ),
  };
}

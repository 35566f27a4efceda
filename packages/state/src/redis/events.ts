import { eventLimit, invalidCursor } from '../limits.ts';
import type { ClusterEvent, EventType } from '../records.ts';
import type { Connection } from './connection.ts';
import { hashOf } from './hashes.ts';

/** What one command reads: few enough not to hold up others. */
const PER_READ = 1_000;

/** Events after `after`, oldest first; those of one stream are picked from the at most 10,000 that are kept. */
export async function readEvents(
  redis: Connection,
  query: { after?: string; limit?: number; streamId?: string },
): Promise<ClusterEvent[]> {
  const limit = eventLimit(query.limit);
  if (query.after !== undefined) checkPlace(query.after);
  const events: ClusterEvent[] = [];
  let from = query.after === undefined ? '-' : `(${query.after}`;
  for (;;) {
    const count = query.streamId === undefined ? Math.min(PER_READ, limit - events.length) : PER_READ;
    const entries = await redis.command((client) =>
      client.xrange(`${redis.prefix}events`, from, '+', 'COUNT', count),
    );
    for (const [id, fields] of entries) {
      const event = toEvent(id, hashOf(fields));
      if (query.streamId === undefined || event.streamId === query.streamId) events.push(event);
      if (events.length === limit) return events;
    }
    const last = entries.at(-1);
    if (entries.length < count || !last) return events;
    from = `(${last[0]}`;
  }
}

/** The id of the newest, `0-0` where there is none. */
export async function eventsEnd(redis: Connection): Promise<string> {
  const newest = await redis.command((client) =>
    client.xrevrange(`${redis.prefix}events`, '+', '-', 'COUNT', 1),
  );
  return newest[0]?.[0] ?? '0-0';
}

/** @throws StreampoolError INVALID_REQUEST */
export function checkPlace(after: string): void {
  if (!/^\d{1,15}-\d{1,10}$/.test(after)) throw invalidCursor(after);
}

export function toEvent(id: string, hash: Readonly<Record<string, string>>): ClusterEvent {
  return {
    id,
    type: hash.type as EventType,
    streamId: hash.stream_id ?? '',
    atMs: Date.parse(hash.at ?? ''),
    data: JSON.parse(hash.data ?? '{}'),
  };
}

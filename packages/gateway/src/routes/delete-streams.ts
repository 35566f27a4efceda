import { redactText } from '@streampool/redaction';
import type { Logger } from 'pino';
import { type Route, route } from '../http/route.ts';
import { deleteByMetadataQuery, deleteOldestQuery, streamParams } from '../schemas/stream-requests.ts';
import { deletedOldest, deletedStream, deletedStreams } from '../schemas/stream-responses.ts';
import type { LiveStream } from '../streams/live-view.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

const PLAYING: ReadonlySet<string> = new Set(['starting', 'live', 'switching', 'draining']);

export function deleteRoutes({ endings, live }: Services): Route[] {
  /** A beat that was under way may still count the one that has just been ended. */
  const othersWatching = async (id: string, ended: string | undefined): Promise<number> => {
    const viewers = (await live.stream(id))?.viewers ?? 0;
    if (viewers === 0 || ended === undefined) return viewers;
    const { items } = await live.clients({ streamId: id });
    return viewers - (items.some((client) => client.id === ended) ? 1 : 0);
  };

  /** Undefined where there was none; else how many viewers it had. */
  const remove = async (id: string, reason: string, log: Logger): Promise<number | undefined> => {
    const disconnected = await endings.stream(id);
    if (disconnected !== undefined) log.info({ streamId: id, reason, disconnected }, 'stream deleted');
    return disconnected;
  };

  return [
    route({
      method: 'delete',
      path: '/streams/by-metadata',
      access: 'token',
      tag: 'Streams',
      summary: 'Delete all streams with a label',
      description: 'Parameters may come in the query or as a JSON object in the body.',
      query: deleteByMetadataQuery,
      queryInBody: true,
      answers: { 200: { description: 'What was deleted and what was kept', schema: deletedStreams } },
      async handle({ query, context }) {
        const deleted: string[] = [];
        const skipped: { stream_id: string; reason: string; active_clients?: number }[] = [];
        for (const { record } of await live.byMetadata(query.field, query.value)) {
          if (query.exclude_channel_id !== undefined && record.metadata.id === query.exclude_channel_id) {
            skipped.push({ stream_id: record.id, reason: 'excluded_by_channel_id' });
            continue;
          }
          if (!query.force) {
            // Of that stream only: a viewer of the same id that watches something else stays.
            const ended = query.client_id !== undefined && (await endings.viewer(query.client_id, record.id));
            const viewers = await othersWatching(record.id, ended ? query.client_id : undefined);
            if (viewers > 0) {
              skipped.push({ stream_id: record.id, reason: 'has_active_clients', active_clients: viewers });
              continue;
            }
          }
          if ((await remove(record.id, 'deleted by metadata', context.log)) !== undefined)
            deleted.push(record.id);
        }
        return {
          message: redactText(`Deleted ${deleted.length} stream(s) matching ${query.field}=${query.value}`),
          deleted_streams: deleted,
          skipped_streams: skipped,
          deleted_count: deleted.length,
        };
      },
    }),
    route({
      method: 'delete',
      path: '/streams/oldest-by-metadata',
      access: 'token',
      tag: 'Streams',
      summary: 'Delete the oldest stream with a label',
      description:
        'Makes room at a provider that allows few connections. Parameters may come in the query or in the body.',
      query: deleteOldestQuery,
      queryInBody: true,
      answers: { 200: { description: 'What was deleted', schema: deletedOldest } },
      async handle({ query, context }) {
        const label = redactText(`${query.field}=${query.value}`);
        const found = await live.byMetadata(query.field, query.value);
        const oldest = oldestInUse(
          found.filter(
            ({ record }) => !query.exclude_channel_id || record.metadata.id !== query.exclude_channel_id,
          ),
        );
        const id = oldest?.record.id;
        if (id === undefined || (await remove(id, 'deleted as the oldest', context.log)) === undefined) {
          return { message: `No streams found matching ${label}`, deleted_stream: null, deleted_count: 0 };
        }
        return {
          message: `Deleted oldest stream matching ${label}`,
          deleted_stream: id,
          stream_age_seconds: Math.max(0, (Date.now() - sinceMs(oldest!)) / 1000),
          deleted_count: 1,
        };
      },
    }),
    route({
      method: 'delete',
      path: '/streams/{id}',
      access: 'token',
      tag: 'Streams',
      summary: 'Delete a stream and end its viewers',
      params: streamParams,
      errors: ['STREAM_NOT_FOUND'],
      answers: { 200: { description: 'It is gone', schema: deletedStream } },
      async handle({ params: { id }, context }) {
        const disconnected = await remove(id, 'deleted by id', context.log);
        if (disconnected === undefined) throw streamNotFound();
        return { message: `Stream ${id} deleted`, disconnected_clients: disconnected };
      },
    }),
  ];
}

/**
 * The one that has been playing longest. Definitions outlive their viewers, and deleting one that nobody plays would make
 * no room at a provider: those count only where nothing else is left.
 */
function oldestInUse(streams: readonly LiveStream[]): LiveStream | undefined {
  const inUse = streams.filter(({ record, viewers }) => viewers > 0 || PLAYING.has(record.state));
  return [...(inUse.length > 0 ? inUse : streams)].sort((a, b) => sinceMs(a) - sinceMs(b))[0];
}

function sinceMs({ record, pool }: LiveStream): number {
  return pool?.startedAt ?? record.createdAtMs;
}

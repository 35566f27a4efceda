import { StreampoolError } from '@streampool/errors';
import { redactText } from '@streampool/redaction';
import { type Route, route } from '../http/route.ts';
import {
  byMetadataQuery,
  countsByMetadataQuery,
  listQuery,
  streamParams,
} from '../schemas/stream-requests.ts';
import { matchingStreams, metadataCounts, streamDetail, streamList } from '../schemas/stream-responses.ts';
import { isWatched } from '../streams/live-view.ts';
import { showClient, showDefinition, showStream } from '../streams/shown.ts';
import type { Services } from './services.ts';
import { statistics } from './statistics.ts';

export function readRoutes(services: Services): Route[] {
  const { live, state, signer } = services;
  const { figuresOf } = statistics(services);
  return [
    route({
      method: 'get',
      path: '/streams',
      access: 'token',
      tag: 'Streams',
      summary: 'List streams, last used first',
      query: listQuery,
      answers: { 200: { description: 'Streams', schema: streamList } },
      async handle({ query }) {
        const [{ items, next }, figures] = await Promise.all([live.streams(query), figuresOf()]);
        return {
          streams: items.map((stream) => showStream(stream, signer, figures(stream.record.id))),
          total: items.length,
          ...(next && { next }),
        };
      },
    }),
    route({
      method: 'get',
      path: '/streams/by-metadata',
      access: 'token',
      tag: 'Streams',
      summary: 'Find streams by one of their labels',
      query: byMetadataQuery,
      answers: { 200: { description: 'Streams with that label', schema: matchingStreams } },
      async handle({ query }) {
        const found = await live.byMetadata(query.field, query.value);
        const matching = query.active_only ? found.filter(isWatched) : found;
        return {
          filter: { field: redactText(query.field), value: redactText(query.value) },
          active_only: query.active_only,
          matching_streams: matching
            .map((stream) => showStream(stream, signer))
            .map((stream) => ({
              stream_id: stream.stream_id,
              client_count: stream.client_count,
              metadata: stream.metadata,
              last_access: stream.last_access,
              is_active: stream.is_active,
              url: stream.current_url,
              stream_type: stream.stream_type,
            })),
          total_matching: matching.length,
          total_clients: matching.reduce((sum, stream) => sum + stream.viewers, 0),
        };
      },
    }),
    route({
      method: 'get',
      path: '/streams/counts-by-metadata',
      access: 'token',
      tag: 'Streams',
      summary: 'Count streams for several values of a label',
      query: countsByMetadataQuery,
      answers: { 200: { description: 'Streams per value', schema: metadataCounts } },
      async handle({ query }) {
        const counts = await Promise.all(
          query.values.map(async (value) => {
            const found = await live.byMetadata(query.field, value);
            return [value, (query.active_only ? found.filter(isWatched) : found).length] as const;
          }),
        );
        return { field: query.field, counts: Object.fromEntries(counts) };
      },
    }),
    route({
      method: 'get',
      path: '/streams/{id}',
      access: 'token',
      tag: 'Streams',
      summary: 'One stream with its viewers',
      params: streamParams,
      errors: ['STREAM_NOT_FOUND'],
      answers: { 200: { description: 'The stream', schema: streamDetail } },
      async handle({ params: { id } }) {
        const [stream, definition, clients, figures] = await Promise.all([
          live.stream(id),
          state.getDefinition(id),
          live.clients({ streamId: id }),
          figuresOf(),
        ]);
        if (!stream) throw streamNotFound();
        return {
          stream: {
            ...showStream(stream, signer, figures(id)),
            ...showDefinition(definition, `/stream/${id}${signer.query(id)}`),
          },
          clients: clients.items.map(showClient),
          client_count: stream.viewers,
        };
      },
    }),
  ];
}

export function streamNotFound(): StreampoolError {
  return new StreampoolError('STREAM_NOT_FOUND', 'Stream not found');
}

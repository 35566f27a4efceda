import { StreampoolError } from '@streampool/errors';
import { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import { streamParams } from '../schemas/stream-requests.ts';
import { deletedClient } from '../schemas/stream-responses.ts';
import { playlistQuery, viewerQuery } from '../schemas/viewer-query.ts';
import type { Services } from './services.ts';
import { SOURCE_ERRORS } from './watch.ts';

const PLAYLIST = { description: 'A playlist', contentType: 'application/vnd.apple.mpegurl' };
const MEDIA = { description: 'The media', contentType: 'video/mp2t' };
const PART_OF_IT = { description: 'The range that was asked for', contentType: 'video/mp2t' };

/** What the HLS door may answer. */
export const HLS_ERRORS = [...SOURCE_ERRORS, 'HLS_NOT_AVAILABLE', 'NOT_FOUND', 'NODE_UNREACHABLE'] as const;

/** What the HLS door serves, for the documentation, and what else there is about its viewers. */
export function hlsRoutes({ endings }: Pick<Services, 'endings'>): Route[] {
  return [
    route({
      method: 'get',
      path: '/hls/{id}/playlist.m3u8',
      access: 'viewer',
      tag: 'Watching',
      summary: 'Watch a stream as HLS',
      description:
        'Of a provider’s playlist, and of every shared or transcoded stream. Everything else that players need is named in it, ' +
        'below the same folder, with what the address says of the viewer. A player that asks for nothing ' +
        'more has left after a while (HLS_VIEWER_TIMEOUT); one that was ended is answered 410. Answers X-Client-ID and X-Stream-ID.',
      params: streamParams,
      query: playlistQuery,
      errors: HLS_ERRORS,
      answers: {
        200: PLAYLIST,
        307: { description: 'Where a worker serves it instead (EDGE_MODE=redirect)' },
      },
    }),
    route({
      method: 'get',
      path: '/hls/{id}/segment/{name}',
      access: 'viewer',
      tag: 'Watching',
      summary: 'A segment, part, key or map of a playlist',
      params: streamParams.extend({ name: z.string().describe('As the playlist names it') }),
      query: viewerQuery,
      errors: HLS_ERRORS,
      answers: { 200: MEDIA, 206: PART_OF_IT },
    }),
    route({
      method: 'get',
      path: '/hls/{id}/variant/{name}',
      access: 'viewer',
      tag: 'Watching',
      summary: 'A playlist that another one leads to',
      params: streamParams.extend({ name: z.string().describe('As the playlist names it') }),
      query: playlistQuery,
      errors: HLS_ERRORS,
      answers: { 200: PLAYLIST },
    }),
    route({
      method: 'delete',
      path: '/hls/{id}/clients/{client}',
      access: 'token',
      tag: 'Clients',
      summary: 'End a viewer of a stream, whichever node serves it',
      description: 'It is answered 410 from then on, until it begins anew.',
      params: streamParams.extend({ client: z.string().min(1).max(128).describe('The client’s id') }),
      errors: ['CLIENT_NOT_FOUND'],
      answers: { 200: { description: 'It is gone', schema: deletedClient } },
      async handle({ params: { id, client } }) {
        const ended = await endings.viewer(client, id);
        if (!ended) throw new StreampoolError('CLIENT_NOT_FOUND', 'Client not found');
        return { message: `Client ${client} disconnected`, confirmed: ended.confirmed };
      },
    }),
  ];
}

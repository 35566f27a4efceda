import { StreampoolError } from '@streampool/errors';
import { type Route, route } from '../http/route.ts';
import { clientParams, streamParams } from '../schemas/stream-requests.ts';
import { clientTimeline, streamTimeline, timelineQuery } from '../schemas/timelines.ts';
import { showTimeline } from '../timelines/shown.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

export function timelineRoutes({ timelines }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/streams/{id}/timeline',
      access: 'token',
      tag: 'Streams',
      summary: 'What happened to a stream within the last hour, and why',
      description:
        'Losses and silences of its sources, switches, changes of owner, FFmpeg that is too slow; its viewers are counted, not named. What repeats itself is one entry with a count. It outlives the stream.',
      params: streamParams,
      query: timelineQuery,
      errors: ['STREAM_NOT_FOUND'],
      answers: { 200: { description: 'Its timeline', schema: streamTimeline } },
      async handle({ params: { id }, query }) {
        const timeline = await timelines.ofStream(id);
        if (!timeline) throw streamNotFound();
        return { stream_id: id, ...showTimeline(timeline, query) };
      },
    }),
    route({
      method: 'get',
      path: '/clients/{id}/timeline',
      access: 'token',
      tag: 'Clients',
      summary: 'Why a viewer’s picture stopped: what happened to it within the last hour',
      description:
        'Its coming and going, its own socket, and what happened to its streams while it watched them. Also of a viewer that has gone.',
      params: clientParams,
      query: timelineQuery,
      errors: ['CLIENT_NOT_FOUND'],
      answers: { 200: { description: 'Its timeline', schema: clientTimeline } },
      async handle({ params: { id }, query }) {
        const timeline = await timelines.ofClient(id);
        if (!timeline) throw new StreampoolError('CLIENT_NOT_FOUND', 'Client not found');
        return { client_id: id, ...showTimeline(timeline, query) };
      },
    }),
  ];
}

import { EVENT_TYPES } from '@streampool/events';
import { RequestProblem } from '../http/request-problem.ts';
import { type Route, route } from '../http/route.ts';
import { eventsQuery } from '../schemas/events.ts';
import type { Services } from './services.ts';

/** What happens, as it happens. */
export function eventRoutes({ eventStreams }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/events',
      access: 'token',
      tag: 'Events',
      summary: 'Listen to what happens in the whole cluster, as server-sent events',
      description:
        'Each message has the event’s `id`, its type as `event`, and as `data` `{event_id, event_type, stream_id, timestamp, ' +
        'data}`. An EventSource that comes back goes on where it was; so does `last_event_id`. The newest 10,000 are kept: ' +
        '`events_lost` says that some may be missing. A listener that takes too little gets `end` with code EVENTS_TOO_SLOW ' +
        'and its last id. Types:\n' +
        Object.entries(EVENT_TYPES)
          .map(([type, meaning]) => `- \`${type}\`: ${meaning}`)
          .join('\n'),
      query: eventsQuery,
      quiet: true,
      endless: true,
      errors: ['STATE_UNAVAILABLE', 'CAPACITY_EXHAUSTED', 'SHUTTING_DOWN'],
      answers: { 200: { description: 'Events without end', contentType: 'text/event-stream' } },
      async handle({ query, req, res }) {
        const after = placeOf(req.get('last-event-id')) ?? query.last_event_id;
        const types = new Set<string>(query.event_types);
        const streams = new Set(query.stream_id);
        await eventStreams.serve(res, {
          ...(after !== undefined && { after }),
          wanted: ({ type, streamId }) =>
            (types.size === 0 || types.has(type)) && (streams.size === 0 || streams.has(streamId)),
        });
        return undefined;
      },
    }),
  ];
}

/** @throws RequestProblem */
function placeOf(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  const parsed = eventsQuery.shape.last_event_id.safeParse(header);
  if (!parsed.success) {
    throw new RequestProblem([{ path: 'Last-Event-ID', reason: 'must be the id of an event' }]);
  }
  return parsed.data;
}

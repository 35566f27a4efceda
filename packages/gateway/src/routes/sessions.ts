import { StreampoolError } from '@streampool/errors';
import type { SessionRecord } from '@streampool/state';
import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import {
  endedSession,
  sessionList,
  sessionParams,
  sessionsQuery,
  shownSession,
} from '../schemas/sessions.ts';
import type { Services } from './services.ts';

/** Viewing sessions of the whole cluster: who, by name, watches what from where. */
export function sessionRoutes({ state, sessions }: Services): Route[] {
  const tag = 'Sessions';
  return [
    route({
      method: 'get',
      path: '/sessions',
      access: 'token',
      tag,
      summary: 'List viewing sessions',
      description: 'Viewers that come without a name have none: `GET /clients` lists all.',
      query: sessionsQuery,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Sessions of all nodes', schema: sessionList } },
      async handle({ query }) {
        const { user, stream_id: streamId, after, limit } = query;
        const page = await state.listSessions({
          ...(user !== undefined && { user }),
          ...(streamId !== undefined && { streamId }),
          ...(after !== undefined && { after }),
          ...(limit !== undefined && { limit }),
        });
        const shown = page.items.map(showSession);
        return { sessions: shown, total: shown.length, ...(page.next !== undefined && { next: page.next }) };
      },
    }),
    route({
      method: 'get',
      path: '/sessions/{id}',
      access: 'token',
      tag,
      summary: 'One viewing session',
      params: sessionParams,
      errors: ['SESSION_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'The session', schema: shownSession } },
      async handle({ params }) {
        const session = await state.getSession(params.id);
        if (!session) throw sessionNotFound();
        return showSession(session);
      },
    }),
    route({
      method: 'delete',
      path: '/sessions/{id}',
      access: 'token',
      tag,
      summary: 'End a viewing session, whichever node serves it',
      description:
        'Its sockets close, and players that ask for playlists and segments are answered 410. The same player is not let in ' +
        'to the same stream again for 5 seconds.',
      params: sessionParams,
      errors: ['SESSION_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It is gone', schema: endedSession } },
      async handle({ params }) {
        const ended = await sessions.end(params.id);
        if (!ended) throw sessionNotFound();
        const { confirmed } = ended;
        return {
          session_id: params.id,
          message: confirmed
            ? `Session ${params.id} ended`
            : `Session ${params.id} is forgotten; the node that serves it did not answer`,
          confirmed,
        };
      },
    }),
  ];
}

function sessionNotFound(): StreampoolError {
  return new StreampoolError('SESSION_NOT_FOUND', 'Session not found');
}

function showSession(session: SessionRecord): z.output<typeof shownSession> {
  return {
    session_id: session.id,
    username: session.user,
    ip_address: session.ip,
    stream_id: session.streamId,
    client_id: session.clientId,
    node: session.node,
    user_agent: session.userAgent,
    started_at: new Date(session.startedAtMs).toISOString(),
    last_active: new Date(session.lastActiveMs).toISOString(),
  };
}

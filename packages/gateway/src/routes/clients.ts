import { StreampoolError } from '@streampool/errors';
import { type Route, route } from '../http/route.ts';
import { clientParams, listQuery } from '../schemas/stream-requests.ts';
import { clientList, deletedClient, shownClient } from '../schemas/stream-responses.ts';
import { showClient } from '../streams/shown.ts';
import type { Services } from './services.ts';

export function clientRoutes({ live, endings }: Services): Route[] {
  const list = (path: string): Route =>
    route({
      method: 'get',
      path,
      access: 'token',
      tag: 'Clients',
      summary: 'List connected viewers',
      query: listQuery,
      answers: {
        200: { description: 'Viewers; those of the node that answers come first', schema: clientList },
      },
      async handle({ query }) {
        const { items, next } = await live.clients(query);
        return { total_clients: items.length, clients: items.map(showClient), ...(next && { next }) };
      },
    });

  const notFound = (): StreampoolError => new StreampoolError('CLIENT_NOT_FOUND', 'Client not found');

  return [
    list('/clients'),
    list('/stats/clients'),
    route({
      method: 'get',
      path: '/clients/{id}',
      access: 'token',
      tag: 'Clients',
      summary: 'One viewer',
      params: clientParams,
      errors: ['CLIENT_NOT_FOUND'],
      answers: { 200: { description: 'The viewer', schema: shownClient } },
      async handle({ params }) {
        const client = await live.client(params.id);
        if (!client) throw notFound();
        return showClient(client);
      },
    }),
    route({
      method: 'delete',
      path: '/clients/{id}',
      access: 'token',
      tag: 'Clients',
      summary: 'End a viewer, whichever node serves it',
      params: clientParams,
      errors: ['CLIENT_NOT_FOUND'],
      answers: { 200: { description: 'It is gone', schema: deletedClient } },
      async handle({ params }) {
        const ended = await endings.viewer(params.id);
        if (!ended) throw notFound();
        const { confirmed } = ended;
        return {
          message: confirmed
            ? `Client ${params.id} disconnected`
            : `Client ${params.id} is forgotten; the node that serves it did not answer`,
          confirmed,
        };
      },
    }),
  ];
}

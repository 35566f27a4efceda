import { SocketAddress } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import { streamParams } from '../schemas/stream-requests.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

const YEAR_S = 365 * 24 * 3_600;

/** Strict: an address that is good for more than was meant, because of a misspelt field, is a leak. */
const signBody = z.strictObject({
  user: z.string().min(1).max(256).optional().describe('Only this user: the name is a part of the address'),
  address: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('Only from this address, as this server or a trusted proxy sees it'),
  ttl: z.number().int().min(1).max(YEAR_S).optional().describe('Seconds; STREAM_URL_TTL by default'),
});

const signAnswer = z.object({
  stream_endpoint: z.string(),
  hls_endpoint: z.string(),
  expires_at: z.iso.datetime(),
});

/** Addresses for one viewer: what somebody passes on, or what leaks, is of no use to others. */
export function signRoutes({ state, viewerAccess, config }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/streams/{id}/sign',
      access: 'token',
      tag: 'Watching',
      summary: 'Sign addresses of a stream for one viewer',
      description: 'Good for beginning to watch until they expire. Needs STREAM_URL_SECRET.',
      params: streamParams,
      body: signBody,
      errors: ['STREAM_NOT_FOUND', 'SIGNING_OFF', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Where to watch it', schema: signAnswer } },
      async handle({ params: { id }, body: { user, address, ttl } }) {
        const { signer } = viewerAccess;
        if (!signer.on)
          throw new StreampoolError(
            'SIGNING_OFF',
            'Set STREAM_URL_SECRET: without it addresses are not signed',
          );
        if (!(await state.getDefinition(id))) throw streamNotFound();
        const query = new URLSearchParams(
          signer.query(
            id,
            { user, address: address === undefined ? undefined : asSeen(address) },
            ttl === undefined ? config.streamUrlTtlMs : ttl * 1_000,
          ),
        );
        if (user !== undefined) query.set('username', user);
        return {
          stream_endpoint: `/stream/${id}?${query}`,
          hls_endpoint: `/hls/${id}/playlist.m3u8?${query}`,
          expires_at: new Date(Number(query.get('expires')) * 1_000).toISOString(),
        };
      },
    }),
  ];
}

/** An address in the notation that sockets show. */
function asSeen(address: string): string {
  const isV6 = address.includes(':');
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  return mapped ?? (isV6 ? new SocketAddress({ address, family: 'ipv6' }).address : address);
}

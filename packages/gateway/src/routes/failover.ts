import { StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';
import { type Route, route } from '../http/route.ts';
import { failoverBody, streamParams } from '../schemas/stream-requests.ts';
import { failedOver } from '../schemas/stream-responses.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

export function failoverRoutes({ state, live, engine, peers, nodeId }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/streams/{id}/failover',
      access: 'token',
      tag: 'Streams',
      summary: 'Change over to another source',
      description:
        'The other source is made ready beside the one that plays and takes over at a keyframe: viewers go on. Answers when its pictures go out. If it cannot be played, everything is as it was.',
      params: streamParams,
      body: failoverBody,
      errors: [
        'STREAM_NOT_FOUND',
        'FAILOVER_NOT_CONFIGURED',
        'STREAM_NOT_PLAYING',
        'SWITCH_SUPERSEDED',
        'NODE_UNREACHABLE',
        'PROVIDER_LIMIT',
        'UPSTREAM_STATUS',
        'UPSTREAM_CONNECT_FAILED',
        'UPSTREAM_NOT_MEDIA',
        'UPSTREAM_TIMEOUT',
      ],
      answers: { 200: { description: 'The other source plays', schema: failedOver } },
      async handle({ params: { id }, body, context }) {
        const definition = await state.getDefinition(id);
        if (!definition) throw streamNotFound();
        const urls = [definition.url, ...definition.failoverUrls];
        if (urls.length < 2 && definition.failoverResolverUrl === undefined)
          throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'The stream has no failover URL');
        const index = body?.index ?? undefined;
        if (index !== undefined && index >= urls.length && definition.failoverResolverUrl === undefined)
          throw new StreampoolError(
            'VALIDATION_FAILED',
            `index: the stream has sources 0 to ${urls.length - 1}`,
          );
        const before = await live.stream(id);
        const wish = index === undefined ? {} : { index };
        const owner = before?.record.owner ?? '';
        const result =
          peers && owner !== '' && owner !== nodeId
            ? await peers.failover(owner, id, wish)
            : await engine.failover(id, wish);
        const { failoverIndex, failoverAttempts } = result;
        context.log.info({ streamId: id, failoverIndex }, 'changed over to another source by request');
        return {
          message: `Stream ${id} plays source ${failoverIndex}`,
          stream_id: id,
          new_url: redactUrl(result.url ?? urls[failoverIndex] ?? definition.url),
          failover_index: failoverIndex,
          failover_attempts: failoverAttempts,
          active_clients: before?.viewers ?? 0,
        };
      },
    }),
  ];
}

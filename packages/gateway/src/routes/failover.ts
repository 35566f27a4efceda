import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';
import type { FailoverResult } from '@streampool/streaming';
import { isProxiedHls } from '../hls/hls-stream.ts';
import { type Route, route } from '../http/route.ts';
import { failoverBody, streamParams } from '../schemas/stream-requests.ts';
import { failedOver } from '../schemas/stream-responses.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

export function failoverRoutes({ state, live, engine, peers, endings, nodeId }: Services): Route[] {
  /** Viewers of a direct stream have connections of their own, wherever they are. */
  const everywhere = async (id: string, owner: string, wish: { index?: number }): Promise<FailoverResult> => {
    const nodes = peers ? await endings.nodesOf(id, owner) : [];
    const outcomes = await Promise.allSettled([
      engine.failover(id, wish),
      ...nodes.map((node) => peers!.failover(node, id, wish)),
    ]);
    const done = outcomes.find((outcome) => outcome.status === 'fulfilled');
    if (done) return done.value;
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    // That a node has no viewers is the least of what can be said.
    throw reasons.find((reason) => !isStreampoolError(reason, 'STREAM_NOT_PLAYING')) ?? reasons[0];
  };

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
        const owner = before?.record.owner ?? '';
        const isElsewhere = peers && owner !== '' && owner !== nodeId;
        const wish = index === undefined ? {} : { index };
        // One and the same at all nodes, which do not know of each other; where a resolver is asked, it decides.
        const next = index ?? ((before?.record.failoverIndex ?? 0) + 1) % urls.length;
        const result =
          definition.kind === 'direct' && !isProxiedHls(definition)
            ? await everywhere(
                id,
                owner,
                definition.failoverResolverUrl === undefined ? { index: next } : wish,
              )
            : isElsewhere
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

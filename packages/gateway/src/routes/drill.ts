import { randomUUID } from 'node:crypto';
import { isStreampoolError } from '@streampool/errors';
import type { DrillRequest, DrillResult, ViewerGaps } from '@streampool/streaming';
import { type Route, route } from '../http/route.ts';
import { drillBody, streamParams } from '../schemas/stream-requests.ts';
import { drilled } from '../schemas/stream-responses.ts';
import { gapsOf } from '../streams/gap-figures.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

export function drillRoutes({ state, live, engine, peers, endings, nodeId }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/streams/{id}/drill',
      access: 'token',
      tag: 'Streams',
      summary: 'Make the source of a stream look broken, and see what viewers lose',
      description:
        'The source that plays is made to look broken for so many seconds, whatever connection of it is tried meanwhile; its provider’s own connection is closed as after a real failure. Answers afterwards, when media goes out again, with what was seen at the viewers’ sockets in the whole cluster. This is no simulation: a stream without another source loses its viewers if the drill lasts longer than its patience. `black` and `silence` are told to the detectors; nothing is put in the place of picture or sound (`told` is true then).',
      params: streamParams,
      body: drillBody,
      errors: [
        'STREAM_NOT_FOUND',
        'STREAM_NOT_PLAYING',
        'DRILL_NOT_POSSIBLE',
        'DRILL_RUNNING',
        'NODE_UNREACHABLE',
      ],
      answers: { 200: { description: 'What viewers lost', schema: drilled } },
      async handle({ params: { id }, body, context }) {
        const definition = await state.getDefinition(id);
        if (!definition) throw streamNotFound();
        const owner = (await live.stream(id))?.record.owner ?? '';
        const isElsewhere = peers !== undefined && owner !== '' && owner !== nodeId;
        context.log.info({ streamId: id, ...body }, 'a drill begins');
        const nodes = peers ? await endings.nodesOf(id, owner) : [];
        if (definition.kind === 'direct') return told(id, body, await everywhere(nodes));
        const others = await elsewhere(nodes, randomUUID());
        const here = isElsewhere ? engine.measureGaps(id) : undefined;
        let result: DrillResult;
        let gaps: ViewerGaps[] = [];
        try {
          result = isElsewhere ? await peers.drill(owner, id, body) : await engine.drill(id, body);
        } finally {
          gaps = [...(here ? [here.take()] : []), ...(await others.take())];
        }
        return told(id, body, { ...result, viewers: together([result.viewers, ...gaps]) });

        /** Viewers of a direct stream have connections of their own, wherever they are. */
        async function everywhere(nodes: readonly string[]): Promise<DrillResult> {
          const outcomes = await Promise.allSettled([
            engine.drill(id, body),
            ...nodes.map((node) => peers!.drill(node, id, body)),
          ]);
          const done = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
          const [first] = done;
          if (!first) throw gravest(outcomes.map((it) => (it.status === 'rejected' ? it.reason : undefined)));
          return {
            ...first,
            switched: done.some(({ switched }) => switched),
            failoverIndex: Math.max(...done.map(({ failoverIndex }) => failoverIndex)),
            viewers: together(done.map(({ viewers }) => viewers)),
          };
        }

        /** Lets the other nodes measure what their viewers get. One that does not answer is left out. */
        async function elsewhere(
          nodes: readonly string[],
          key: string,
        ): Promise<{ take(): Promise<ViewerGaps[]> }> {
          const asked = nodes.filter((node) => node !== owner);
          const ask = (wish: 'start' | 'take') =>
            Promise.all(asked.map((node) => peers?.gaps(node, id, { wish, key })));
          await ask('start');
          return { take: async () => (await ask('take')).filter((answer) => answer !== undefined) };
        }
      },
    }),
  ];
}

function told(
  id: string,
  { fault, seconds }: DrillRequest,
  { switched, failoverIndex, told, slateMs, viewers: { gapsMs, dropped } }: DrillResult,
) {
  return {
    stream_id: id,
    fault,
    seconds,
    switched,
    failover_index: failoverIndex,
    gap_ms: gapsOf(gapsMs),
    viewers: gapsMs.length,
    dropped,
    slate_ms: slateMs,
    told,
  };
}

function together(gaps: readonly ViewerGaps[]): ViewerGaps {
  return {
    gapsMs: gaps.flatMap(({ gapsMs }) => gapsMs),
    dropped: gaps.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}

/** That a node has no viewers is the least of what can be said. */
function gravest(reasons: readonly unknown[]): unknown {
  return reasons.find((reason) => !isStreampoolError(reason, 'STREAM_NOT_PLAYING')) ?? reasons[0];
}

import { randomUUID } from 'node:crypto';
import type { DrillResult, ViewerGaps } from '@streampool/streaming';
import { type Route, route } from '../http/route.ts';
import { drillBody, streamParams } from '../schemas/stream-requests.ts';
import { drilled } from '../schemas/stream-responses.ts';
import { gapsOf } from '../streams/gap-figures.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

export function drillRoutes({ state, live, engine, peers, nodeId }: Services): Route[] {
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
        if (!(await state.getDefinition(id))) throw streamNotFound();
        const owner = (await live.stream(id))?.record.owner ?? '';
        const isElsewhere = peers !== undefined && owner !== '' && owner !== nodeId;
        context.log.info({ streamId: id, ...body }, 'a drill begins');
        const others = await elsewhere(randomUUID());
        const here = isElsewhere ? engine.measureGaps(id) : undefined;
        let result: DrillResult;
        let gaps: ViewerGaps[] = [];
        try {
          result = isElsewhere ? await peers.drill(owner, id, body) : await engine.drill(id, body);
        } finally {
          gaps = [...(here ? [here.take()] : []), ...(await others.take())];
        }
        const all = [result.viewers, ...gaps];
        const { switched, failoverIndex, told, slateMs } = result;
        return {
          stream_id: id,
          fault: body.fault,
          seconds: body.seconds,
          switched,
          failover_index: failoverIndex,
          gap_ms: gapsOf(all.flatMap(({ gapsMs }) => gapsMs)),
          viewers: all.reduce((sum, { gapsMs }) => sum + gapsMs.length, 0),
          dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
          slate_ms: slateMs,
          told,
        };

        /** Lets the other nodes measure what their viewers get. One that does not answer is left out. */
        async function elsewhere(key: string): Promise<{ take(): Promise<ViewerGaps[]> }> {
          const nodes = peers
            ? (await state.listWorkers()).map((node) => node.id).filter((it) => it !== nodeId && it !== owner)
            : [];
          const ask = (wish: 'start' | 'take') =>
            Promise.all(nodes.map((node) => peers?.gaps(node, id, { wish, key })));
          await ask('start');
          return { take: async () => (await ask('take')).filter((answer) => answer !== undefined) };
        }
      },
    }),
  ];
}

import { StreampoolError } from '@streampool/errors';
import { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import type { LogLevelControl, NodeLogLevel } from '../options.ts';
import type { Services } from './services.ts';

const level = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);

const change = z.strictObject({
  level,
  node: z.string().min(1).optional().describe('Only this one; all of them by default'),
  seconds: z
    .number()
    .positive()
    .max(24 * 3600)
    .optional()
    .describe('Afterwards the configured level (LOG_LEVEL) is back; by default it stays until the node ends'),
});

const levels = z.object({
  nodes: z.array(
    z.object({
      node: z.string(),
      level: z.string().nullable().describe('null: it did not answer'),
      reverts_in_seconds: z.number().nullable(),
    }),
  ),
});

/** How much nodes log, changeable while they run. */
export function logLevelRoutes({ state, nodeId, logLevel, peers }: Services): Route[] {
  if (!logLevel) return [];

  const everybody = async (): Promise<string[]> => {
    if (!peers) return [nodeId];
    // Without the state this node can still be told.
    const workers = await state.listWorkers().catch(() => []);
    return [nodeId, ...workers.flatMap(({ id, alive }) => (id === nodeId || alive === false ? [] : [id]))];
  };
  const ask = async (nodes: readonly string[], wish?: Parameters<LogLevelControl['set']>) => ({
    nodes: await Promise.all(
      nodes.map(async (node) => {
        if (node !== nodeId) return shown(node, await peers?.logLevel(node, wish));
        return shown(node, wish ? logLevel.set(...wish) : logLevel.get());
      }),
    ),
  });

  const tag = 'Server';
  return [
    route({
      method: 'get',
      path: '/log-level',
      access: 'token',
      tag,
      summary: 'How much each node logs',
      answers: { 200: { description: 'The level of each node', schema: levels } },
      handle: async () => ask(await everybody()),
    }),
    route({
      method: 'put',
      path: '/log-level',
      access: 'token',
      tag,
      summary: 'Change how much nodes log, at once',
      body: change,
      errors: ['WORKER_NOT_FOUND'],
      answers: { 200: { description: 'The level of each node that was told', schema: levels } },
      async handle({ body }) {
        const nodes = await everybody();
        if (body.node !== undefined && !nodes.includes(body.node))
          throw new StreampoolError(
            'WORKER_NOT_FOUND',
            'There is no node of this name; GET /workers lists them',
          );
        const told = body.node === undefined ? nodes : [body.node];
        const { level, seconds } = body;
        return ask(told, seconds === undefined ? [level] : [level, seconds * 1000]);
      },
    }),
  ];
}

function shown(node: string, state: NodeLogLevel | undefined) {
  const { level = null, revertsInMs } = state ?? {};
  return {
    node,
    level,
    reverts_in_seconds: revertsInMs === undefined ? null : Math.round(revertsInMs / 1000),
  };
}

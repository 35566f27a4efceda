import { StreampoolError } from '@streampool/errors';
import type { ProviderRecord, SlotRecord } from '@streampool/state';
import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import {
  type providerAnswer,
  providerBody,
  providerDeletedAnswer,
  providerParams,
  providerAnswer as providerSchema,
  providersAnswer,
} from '../schemas/providers.ts';
import type { Services } from './services.ts';

type Shown = z.output<typeof providerAnswer>;

/** Providers that allow only so many connections, and who has them. */
export function providerRoutes({ state, onProvidersChanged }: Services): Route[] {
  const shown = async (provider: ProviderRecord): Promise<Shown> =>
    showProvider(provider, await state.listSlots(provider.id));

  const tag = 'Providers';
  return [
    route({
      method: 'get',
      path: '/providers',
      access: 'token',
      tag,
      summary: 'List providers with a limit, and who uses their connections',
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Every provider, with its slots', schema: providersAnswer } },
      async handle() {
        const providers = await Promise.all((await state.listProviders()).map(shown));
        return { providers, total: providers.length };
      },
    }),
    route({
      method: 'put',
      path: '/providers/{id}',
      access: 'token',
      tag,
      summary: 'Limit the connections to a provider',
      description:
        'New connections keep to it at once where it was known, on other nodes within a heartbeat where it is new. Connections ' +
        'beyond a lowered limit go on; those that were opened before their provider was known are not counted. What is put ' +
        'here goes before `PROVIDERS`.',
      params: providerParams,
      body: providerBody,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'The provider as it is now', schema: providerSchema } },
      async handle({ params, body }) {
        const provider: ProviderRecord = {
          id: params.id,
          hosts: [...new Set(body.hosts)],
          maxConnections: body.max_connections,
          preempt: body.preempt,
          ...(body.settle > 0 && { settleMs: Math.round(body.settle * 1_000) }),
          origin: 'api',
        };
        await state.putProvider(provider);
        await onProvidersChanged?.();
        return shown(provider);
      },
    }),
    route({
      method: 'delete',
      path: '/providers/{id}',
      access: 'token',
      tag,
      summary: 'Forget a provider and its limit',
      description:
        'Its connections go on. One that `PROVIDERS` names comes back with the next start of a node.',
      params: providerParams,
      errors: ['PROVIDER_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It has no limit any more', schema: providerDeletedAnswer } },
      async handle({ params }) {
        if (!(await state.removeProvider(params.id))) {
          throw new StreampoolError(
            'PROVIDER_NOT_FOUND',
            'There is no provider of this id; GET /providers lists them',
          );
        }
        await onProvidersChanged?.();
        return { provider_id: params.id, deleted: true };
      },
    }),
  ];
}

function showProvider(provider: ProviderRecord, slots: readonly SlotRecord[]): Shown {
  return {
    provider_id: provider.id,
    hosts: [...provider.hosts],
    max_connections: provider.maxConnections,
    preempt: provider.preempt,
    settle: (provider.settleMs ?? 0) / 1_000,
    origin: provider.origin,
    slots_in_use: slots.length,
    slots: slots.map(showSlot),
  };
}

function showSlot({
  lease,
  node,
  streamId,
  priority,
  sinceMs,
  viewer,
  promisedTo,
}: SlotRecord): Shown['slots'][number] {
  return {
    lease,
    node,
    stream_id: streamId || null,
    priority,
    since: new Date(sinceMs).toISOString(),
    viewer: viewer
      ? { client_id: viewer.clientId, ip_address: viewer.ip, username: viewer.username ?? null }
      : null,
    promised: promisedTo !== undefined,
  };
}

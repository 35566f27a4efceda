import { createHash } from 'node:crypto';
import { StreampoolError } from '@streampool/errors';
import { USUAL_EVENT_TYPES } from '@streampool/events';
import { redactUrl } from '@streampool/redaction';
import type { ClusterEvent, EventType, NewWebhook, WebhookRecord } from '@streampool/state';
import { eventBody, newSecret } from '@streampool/webhooks';
import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import {
  webhookAddedAnswer,
  type webhookAnswer,
  webhookBody,
  webhookParams,
  webhookQuery,
  webhookRemovedAnswer,
  webhooksAnswer,
  webhookTestedAnswer,
} from '../schemas/webhooks.ts';
import type { Services } from './services.ts';

const tag = 'Webhooks';

/** Who is told what happens. Any gateway keeps them for all. */
export function webhookRoutes({ state, webhooks }: Services): Route[] {
  if (!webhooks) return [];
  const find = async ({ webhook_id, webhook_url }: z.output<typeof webhookQuery>): Promise<WebhookRecord> => {
    const id = webhook_id ?? idOf(webhook_url ?? '');
    const found = (await state.listWebhooks()).find((webhook) => webhook.id === id);
    if (!found) throw unknown();
    return found;
  };
  const remove = async (id: string) => {
    if (!(await state.removeWebhook(id))) throw unknown();
    return { message: 'Webhook removed successfully', id };
  };

  return [
    route({
      method: 'post',
      path: '/webhooks',
      access: 'token',
      tag,
      summary: 'Be told what happens, by POST',
      description:
        'From now on, from whichever node it happens at: `{event_id, event_type, stream_id, timestamp, data}`, signed in ' +
        '`X-Streampool-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body" with the secret, in hex>`. An answer of 2xx takes ' +
        'it; anything else is tried again, with growing pauses. Each event comes once; where a node dies in mid-delivery it ' +
        'may come again, with the same event_id. Redirects are not followed; WEBHOOK_ACCESS says where receivers may be.',
      body: webhookBody,
      errors: ['STATE_UNAVAILABLE', 'UPSTREAM_ADDRESS_FORBIDDEN'],
      answers: { 200: { description: 'It is told from now on', schema: webhookAddedAnswer } },
      async handle({ body }) {
        const refusal = webhooks.refusalOf(body.url);
        if (refusal)
          throw new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', refusal.message, { status: 422 });
        const id = idOf(body.url);
        const known = (await state.listWebhooks()).find((webhook) => webhook.id === id);
        const secret = body.secret ?? known?.secret ?? newSecret();
        const record = await state.putWebhook(toWebhook(id, secret, body));
        const { url, dead_letters, ...shown } = show(record, 0);
        return {
          message: known ? 'Webhook changed successfully' : 'Webhook added successfully',
          webhook_url: url,
          ...shown,
          secret: secret === known?.secret ? null : secret,
        };
      },
    }),
    route({
      method: 'get',
      path: '/webhooks',
      access: 'token',
      tag,
      summary: 'List webhooks, without what is secret of them',
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Every webhook', schema: webhooksAnswer } },
      async handle() {
        const [all, letters] = await Promise.all([state.listWebhooks(), state.listDeadLetters()]);
        const dead = new Map<string, number>();
        for (const { webhookId } of letters) dead.set(webhookId, (dead.get(webhookId) ?? 0) + 1);
        return { webhooks: all.map((each) => show(each, dead.get(each.id) ?? 0)), total: all.length };
      },
    }),
    route({
      method: 'delete',
      path: '/webhooks',
      access: 'token',
      tag,
      summary: 'Tell a receiver nothing more',
      query: webhookQuery,
      queryInBody: true,
      errors: ['WEBHOOK_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It is gone, with its dead letters', schema: webhookRemovedAnswer } },
      handle: async ({ query }) => remove((await find(query)).id),
    }),
    route({
      method: 'delete',
      path: '/webhooks/{id}',
      access: 'token',
      tag,
      summary: 'Tell a receiver nothing more, by the webhook’s id',
      params: webhookParams,
      errors: ['WEBHOOK_NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It is gone, with its dead letters', schema: webhookRemovedAnswer } },
      handle: ({ params }) => remove(params.id),
    }),
    route({
      method: 'post',
      path: '/webhooks/test',
      access: 'token',
      tag,
      summary: 'Send a webhook an event that did not happen',
      description: 'Once, from this node, and tells how the receiver answered.',
      query: webhookQuery,
      queryInBody: true,
      errors: ['WEBHOOK_NOT_FOUND', 'WEBHOOK_NOT_DELIVERED', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'The receiver took it', schema: webhookTestedAnswer } },
      async handle({ query }) {
        const webhook = await find(query);
        const event = testEvent();
        const status = await webhooks.send(webhook, eventBody(event));
        return { message: `Test event sent to ${redactUrl(webhook.url)}`, event_id: event.id, status };
      },
    }),
  ];
}

/** The same URL is the same webhook, at whichever gateway it is added. */
function idOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

function toWebhook(id: string, secret: string, body: z.output<typeof webhookBody>): NewWebhook {
  // PHP writes nothing as `[]`, which the store takes for everything.
  const events = body.events.length > 0 ? body.events : USUAL_EVENT_TYPES;
  const headers = Object.entries(body.headers).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return {
    id,
    url: body.url,
    events: body.events.includes('*') ? [] : ([...new Set(events)] as EventType[]),
    headers: Object.fromEntries(headers),
    timeoutMs: Math.round(body.timeout * 1_000),
    retryAttempts: body.retry_attempts,
    secret,
    ...(body.stream_id !== undefined && { streamId: body.stream_id }),
    ...(body.metadata && Object.keys(body.metadata).length > 0 && { metadata: body.metadata }),
  };
}

function show(webhook: WebhookRecord, deadLetters: number): z.output<typeof webhookAnswer> {
  return {
    id: webhook.id,
    url: redactUrl(webhook.url),
    events: webhook.events.length === 0 ? ['*'] : [...webhook.events],
    headers: Object.fromEntries(Object.keys(webhook.headers).map((name) => [name, '***'])),
    timeout: webhook.timeoutMs / 1_000,
    retry_attempts: webhook.retryAttempts,
    stream_id: webhook.streamId ?? null,
    metadata: { ...webhook.metadata },
    created_at: new Date(webhook.createdAtMs).toISOString(),
    dead_letters: deadLetters,
  };
}

function testEvent(): ClusterEvent {
  const data = { test: true, message: 'This is a test webhook event' };
  const atMs = Date.now();
  return { id: `test-${atMs}`, type: 'stream_started', streamId: 'test_stream', atMs, data };
}

function unknown(): StreampoolError {
  return new StreampoolError('WEBHOOK_NOT_FOUND', 'Webhook not found: GET /webhooks lists them');
}

import { StreampoolError } from '@streampool/errors';
import { labelsOf, showEvent } from '@streampool/events';
import type { DeadLetter } from '@streampool/state';
import { eventBody } from '@streampool/webhooks';
import { type Route, route } from '../http/route.ts';
import {
  letterParams,
  letterRemovedAnswer,
  letterSentAnswer,
  lettersAnswer,
  lettersQuery,
} from '../schemas/webhooks.ts';
import type { Services } from './services.ts';

const tag = 'Webhooks';

/** What webhooks did not take, for a person to look at and to send again. */
export function deadLetterRoutes({ state, webhooks }: Services): Route[] {
  if (!webhooks) return [];
  return [
    route({
      method: 'get',
      path: '/webhooks/dead-letters',
      access: 'token',
      tag,
      summary: 'List what could not be delivered',
      description: 'Newest first; the newest 1,000 are kept.',
      query: lettersQuery,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Dead letters, with the reason', schema: lettersAnswer } },
      async handle({ query: { webhook_id } }) {
        const letters = await state.listDeadLetters(
          webhook_id === undefined ? {} : { webhookId: webhook_id },
        );
        return { dead_letters: letters.map(show), total: letters.length };
      },
    }),
    route({
      method: 'post',
      path: '/webhooks/dead-letters/{id}/resend',
      access: 'token',
      tag,
      summary: 'Send a dead letter once more',
      description: 'Now, from this node. Where the receiver takes it, it is removed.',
      params: letterParams,
      errors: ['NOT_FOUND', 'WEBHOOK_NOT_DELIVERED', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'The receiver took it', schema: letterSentAnswer } },
      async handle({ params: { id } }) {
        const letter = await state.getDeadLetter(id);
        const webhook = (await state.listWebhooks()).find((each) => each.id === letter?.webhookId);
        if (!letter || !webhook) throw unknown();
        const metadata = labelsOf(letter.event);
        const status = await webhooks
          .send(webhook, eventBody(letter.event, metadata))
          .catch(async (error: unknown) => {
            const { failedAtMs: _, ...kept } = letter;
            const reason = error instanceof Error ? error.message : String(error);
            await state.keepDeadLetter({ ...kept, attempts: kept.attempts + 1, error: reason });
            throw error;
          });
        await state.removeDeadLetter(id);
        return { message: 'The receiver has taken it', id, status };
      },
    }),
    route({
      method: 'delete',
      path: '/webhooks/dead-letters/{id}',
      access: 'token',
      tag,
      summary: 'Forget a dead letter',
      params: letterParams,
      errors: ['NOT_FOUND', 'STATE_UNAVAILABLE'],
      answers: { 200: { description: 'It is gone', schema: letterRemovedAnswer } },
      async handle({ params: { id } }) {
        if (!(await state.removeDeadLetter(id))) throw unknown();
        return { id, deleted: true };
      },
    }),
  ];
}

function show(letter: DeadLetter) {
  return {
    id: letter.id,
    webhook_id: letter.webhookId,
    attempts: letter.attempts,
    error: letter.error,
    failed_at: new Date(letter.failedAtMs).toISOString(),
    event: showEvent(letter.event),
  };
}

function unknown(): StreampoolError {
  return new StreampoolError(
    'NOT_FOUND',
    'There is no such dead letter: GET /webhooks/dead-letters lists them',
  );
}

import { EVENT_TYPES, isEventType, USUAL_EVENT_TYPES } from '@streampool/events';
import { z } from 'zod';
import { shownEvent } from './events.ts';
import { metadata, sourceHeaders, sourceUrl } from './scalars.ts';

const eventTypes = z
  .array(z.string(), { error: 'must be a list of types of events' })
  .max(100)
  .superRefine((types, context) => {
    for (const [at, type] of types.entries()) {
      if (type !== '*' && !isEventType(type))
        context.addIssue({ code: 'custom', path: [at], message: 'is no type of event' });
    }
  });

export const webhookBody = z
  .object(
    {
      url: sourceUrl.describe('What happens is sent there by POST. The same URL again changes what is there'),
      events: eventTypes
        .default([...USUAL_EVENT_TYPES])
        .describe(`Which; \`*\`: all. ${Object.keys(EVENT_TYPES).join(', ')}`),
      headers: sourceHeaders.default({}).describe('Sent along'),
      timeout: z
        .number({ error: 'must be a number of seconds' })
        .min(0.1)
        .max(60)
        .default(10)
        .describe('The longest one attempt may take, in seconds'),
      retry_attempts: z
        .int({ error: 'must be a whole number' })
        .min(0)
        .max(20)
        .default(3)
        .describe('Further attempts after the first one; then it is a dead letter'),
      secret: z
        .string({ error: 'must be a string' })
        .regex(/^[\x21-\x7e]{16,256}$/, { error: 'must be 16 to 256 visible characters' })
        .optional()
        .describe('Bodies are signed with it; one is made and shown once where there is none'),
      stream_id: z.string().max(64).optional().describe('Only what happens to this stream'),
      metadata: metadata.optional().describe('Only what happens to streams that have all of these'),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'AddWebhook' });

const shown = {
  id: z.string(),
  events: z.array(z.string()),
  headers: z.record(z.string(), z.string()).describe('Their values are not shown'),
  timeout: z.number().describe('Seconds'),
  retry_attempts: z.int(),
  stream_id: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  created_at: z.iso.datetime(),
};

export const webhookAnswer = z
  .object({ ...shown, url: z.string().describe('Without credentials'), dead_letters: z.int() })
  .meta({ id: 'Webhook' });

export const webhooksAnswer = z.object({ webhooks: z.array(webhookAnswer), total: z.int() });

export const webhookAddedAnswer = z.object({
  message: z.string(),
  webhook_url: z.string().describe('Without credentials'),
  ...shown,
  secret: z.string().nullable().describe('Shown now and never again; null: it is the one that it had before'),
});

/** By its id, or by the URL that it was added with. */
export const webhookQuery = z
  .object({
    webhook_id: z.string().optional(),
    webhook_url: z.string().optional().describe('As it was added'),
  })
  .refine(({ webhook_id, webhook_url }) => webhook_id !== undefined || webhook_url !== undefined, {
    error: 'webhook_id or webhook_url must say which',
  });

const ID = /^[\w.-]{1,100}$/;
export const webhookParams = z.object({ id: z.string().regex(ID, { error: 'is no id of a webhook' }) });
export const letterParams = z.object({ id: z.string().regex(ID, { error: 'is no id of a dead letter' }) });

export const webhookRemovedAnswer = z.object({ message: z.string(), id: z.string() });

export const webhookTestedAnswer = z.object({
  message: z.string(),
  event_id: z.string(),
  status: z.int().describe('What the receiver answered'),
});

export const lettersQuery = z.object({ webhook_id: z.string().optional() });

const letter = z.object({
  id: z.string(),
  webhook_id: z.string(),
  attempts: z.int(),
  error: z.string(),
  failed_at: z.iso.datetime(),
  event: shownEvent,
});

export const lettersAnswer = z.object({ dead_letters: z.array(letter), total: z.int() });
export const letterSentAnswer = z.object({ message: z.string(), id: z.string(), status: z.int() });
export const letterRemovedAnswer = z.object({ id: z.string(), deleted: z.literal(true) });

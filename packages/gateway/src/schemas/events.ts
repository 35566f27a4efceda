import { EVENT_TYPES, isEventType } from '@streampool/events';
import { z } from 'zod';

/** `a,b` or `?x=a&x=b`, as a list without empty parts. */
const list = z
  .union([z.string(), z.array(z.string())])
  .transform((given) =>
    [given]
      .flat()
      .flatMap((part) => part.split(','))
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .refine((parts) => parts.length <= 100, { error: 'must not have more than 100 entries' });

export const eventsQuery = z.object({
  event_types: list
    .superRefine((types, context) => {
      for (const type of types) {
        if (!isEventType(type))
          context.addIssue({ code: 'custom', message: `"${type.slice(0, 40)}" is no type of event` });
      }
    })
    .optional()
    .describe(`Only these, separated by commas: ${Object.keys(EVENT_TYPES).join(', ')}`),
  stream_id: list.optional().describe('Only events of these streams, separated by commas'),
  last_event_id: z
    .string()
    .regex(/^\d{1,15}(?:-\d{1,10})?$/, { error: 'must be the id of an event' })
    .optional()
    .describe(
      'Everything after this event; the header Last-Event-ID, which an EventSource sends, goes before it',
    ),
});

export const shownEvent = z
  .object({
    event_id: z.string().describe('Grows; the same event has the same id for everybody'),
    event_type: z.string(),
    stream_id: z.string().describe('Empty where the event concerns no stream'),
    timestamp: z.iso.datetime(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'Event' });

import { z } from 'zod';

export const PROVIDER_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** A name, a name with everything below it, or an address; with a port or for all. */
export const PROVIDER_HOST = /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

export const providerParams = z.object({
  id: z
    .string()
    .regex(PROVIDER_ID, { error: 'must be letters, digits and . _ -' })
    .describe('The provider’s id, which streams may name as `provider_id`'),
});

export const providerBody = z
  .object(
    {
      hosts: z
        .array(
          z.string({ error: 'must be a string' }).max(256).toLowerCase().regex(PROVIDER_HOST, {
            error: 'must be a host name such as tv.example.org, tv.example.org:8080 or *.example.org',
          }),
          { error: 'must be a list of host names' },
        )
        .max(100)
        .default([])
        .describe(
          'Whose URLs are this provider’s: `tv.example.org`, with a port for that one only, or `*.example.org`',
        ),
      max_connections: z
        .int({ error: 'must be a whole number' })
        .min(0)
        .max(100_000)
        .describe('Connections it allows at once'),
      preempt: z
        .boolean({ error: 'must be true or false' })
        .default(false)
        .describe('At the limit a stream of a higher `priority` ends the one of the lowest'),
      settle: z
        .number({ error: 'must be a number' })
        .min(0)
        .max(60)
        .default(0)
        .describe(
          'Seconds that the provider takes to notice that a connection was closed: it counts for so long',
        ),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'PutProvider' });

const slot = z.object({
  lease: z.string(),
  node: z.string().describe('Which has the connection'),
  stream_id: z.string().nullable().describe('null: a test of a URL'),
  priority: z.int(),
  since: z.iso.datetime(),
  viewer: z
    .object({ client_id: z.string(), ip_address: z.string(), username: z.string().nullable() })
    .nullable()
    .describe('Whose own connection it is; null where all viewers of the stream share it'),
  promised: z.boolean().describe('It is about to go over to another stream'),
});

export const providerAnswer = z.object({
  provider_id: z.string(),
  hosts: z.array(z.string()),
  max_connections: z.int(),
  preempt: z.boolean(),
  settle: z.number().describe('Seconds'),
  origin: z.enum(['settings', 'api']),
  slots_in_use: z.int(),
  slots: z.array(slot),
});

export const providersAnswer = z.object({ providers: z.array(providerAnswer), total: z.int() });
export const providerDeletedAnswer = z.object({ provider_id: z.string(), deleted: z.literal(true) });

import { z } from 'zod';

export const timelineQuery = z.object({
  limit: z.coerce
    .number({ error: 'must be a number' })
    .int()
    .min(1)
    .max(1000)
    .default(200)
    .describe('The newest so many'),
  since: z.iso
    .datetime({ offset: true, error: 'must be a time such as 2030-01-31T20:14:00Z' })
    .optional()
    .describe('Only what happened, or went on, after this time'),
});

export type TimelineQuery = z.output<typeof timelineQuery>;

export const shownTimelineEntry = z
  .object({
    at: z.iso.datetime().describe('When it happened, for the first time'),
    until: z.iso.datetime().nullable().describe('For the last time, where the same happened again soon'),
    type: z.string(),
    cause: z
      .enum(['upstream', 'encoder', 'viewer', 'cluster', 'operator', 'provider'])
      .describe('Where to look'),
    detail: z.string().describe('What happened, for people'),
    stream_id: z.string(),
    client_id: z.string().nullable().describe('Null: it happened to the stream'),
    node: z.string().nullable().describe('That saw it; null where several did'),
    count: z.int().describe('How often'),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).describe('Its figures'),
  })
  .meta({ id: 'TimelineEntry' });

const timeline = {
  complete: z
    .boolean()
    .describe('False: the state is away, and this is what the node that answers remembers'),
  entries: z.array(shownTimelineEntry).describe('Of the last hour, the newest last'),
};

export const streamTimeline = z.object({ stream_id: z.string(), ...timeline });
export const clientTimeline = z.object({ client_id: z.string(), ...timeline });

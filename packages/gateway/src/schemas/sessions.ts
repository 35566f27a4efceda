import { z } from 'zod';

const MOST_NAME_CHARS = 256;

export const sessionsQuery = z.object({
  user: z.string().min(1).max(MOST_NAME_CHARS).optional().describe('Only those of this user'),
  stream_id: z.string().min(1).max(128).optional().describe('Only those that watch this stream'),
  limit: z.coerce
    .number({ error: 'must be a number' })
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Items per page; 100 without it'),
  after: z.string().max(256).optional().describe('The `next` of the page before'),
});

export const sessionParams = z.object({ id: z.string().min(1).max(128).describe('The session’s id') });

export const shownSession = z
  .object({
    session_id: z.string(),
    username: z.string(),
    ip_address: z.string(),
    stream_id: z.string(),
    client_id: z.string().describe('Of the viewer that spoke last in its name'),
    node: z.string().describe('Which serves it'),
    user_agent: z.string(),
    started_at: z.iso.datetime(),
    last_active: z.iso.datetime(),
  })
  .meta({ id: 'Session' });

export const sessionList = z.object({
  sessions: z.array(shownSession),
  total: z.int().describe('On this page'),
  next: z.string().optional().describe('Give it as `after` to read on; absent on the last page'),
});

export const endedSession = z.object({
  session_id: z.string(),
  message: z.string(),
  confirmed: z
    .boolean()
    .describe(
      'Its viewers are gone; else their node did not answer, and ends them when it renews the session',
    ),
});

export const userParams = z.object({
  name: z.string().min(1).max(MOST_NAME_CHARS).describe('The name that viewers come with'),
});

export const userBody = z
  .object(
    {
      max_sessions: z
        .int({ error: 'must be a whole number' })
        .min(0)
        .max(100_000)
        .describe('Viewing sessions at once; 0: any number'),
    },
    { error: 'must be a JSON object (send Content-Type: application/json)' },
  )
  .meta({ id: 'PutUser' });

export const userAnswer = z
  .object({
    username: z.string(),
    max_sessions: z.int().describe('0: any number'),
    origin: z
      .enum(['api', 'settings'])
      .describe('Who said so: what is put here, or `USER_LIMITS` and `MAX_SESSIONS_PER_USER`'),
    active_sessions: z.int(),
  })
  .meta({ id: 'User' });

export const userDeleted = z.object({ username: z.string(), deleted: z.literal(true) });

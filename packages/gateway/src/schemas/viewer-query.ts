import { z } from 'zod';

const who = z.string().max(256).optional();

/** What a player's address may say of it; read by the doors in front of the application (viewer-identity.ts, viewer-access.ts). */
export const viewerQuery = z.object({
  client_id: z
    .string()
    .max(128)
    .optional()
    .describe(
      'Names the player: a newer connection under the same id ends the older one. Without it one is made',
    ),
  username: who.describe('The person who watches; the header X-Username goes before it'),
  user: who.describe('The same as username'),
  u: who.describe('The same as username'),
  expires: z
    .string()
    .optional()
    .describe('Of a signed address: seconds since 1970 until which watching may begin'),
  signature: z.string().optional().describe('Of a signed address (STREAM_URL_SECRET)'),
  bound: z
    .enum(['u', 'a', 'ua'])
    .optional()
    .describe('Of a signed address: what it is bound to, the user, the network address or both'),
});

/** Of an HLS playlist, what players may say beside that (draft-pantos-hls-rfc8216bis, section 6.2.5, for the last three). */
export const playlistQuery = viewerQuery.extend({
  ll: z.enum(['0', '1']).optional().describe('1: with parts, for players of low-latency HLS'),
  from: z.enum(['start']).optional().describe('start: play from where the window begins, not from now'),
  _HLS_msn: z.string().optional().describe('Answer once this segment is there'),
  _HLS_part: z.string().optional().describe('… and this part of it'),
  _HLS_skip: z.enum(['YES', 'v2']).optional().describe('Leave out segments that the player knows'),
});

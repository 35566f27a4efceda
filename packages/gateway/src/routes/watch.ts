import type { ErrorCode } from '@streampool/errors';
import { type Route, route } from '../http/route.ts';
import { streamParams } from '../schemas/stream-requests.ts';
import { viewerQuery } from '../schemas/viewer-query.ts';

/** Why a stream cannot be watched. */
export const SOURCE_ERRORS: readonly ErrorCode[] = [
  'STREAM_NOT_FOUND',
  'SIGNATURE_INVALID',
  'TOKEN_MISSING',
  'TOKEN_WRONG',
  'SCOPE_MISSING',
  'RATE_LIMITED',
  'USER_LIMIT',
  'VIEWER_ENDED',
  'RANGE_NOT_SATISFIABLE',
  'UPSTREAM_CONNECT_FAILED',
  'UPSTREAM_STATUS',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_NOT_MEDIA',
  'UPSTREAM_ADDRESS_FORBIDDEN',
  'FFMPEG_FAILED',
  'FFMPEG_MISSING',
  'STREAM_FAILED',
  'STREAM_START_TIMEOUT',
  'CAPACITY_EXHAUSTED',
  'SHUTTING_DOWN',
];

const redirected = {
  307: {
    description:
      'Where a worker serves it instead (EDGE_MODE=redirect); good for a minute, with the same client id',
  },
};

const answers = {
  ...redirected,
  200: { description: 'The stream, without end where it is live', contentType: 'video/mp2t' },
  206: { description: 'A part of a file', contentType: 'application/octet-stream' },
};

/** What the viewer door serves, for the documentation and for the methods it does not take. */
export const watchRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/stream/{id}',
    access: 'viewer',
    tag: 'Watching',
    summary: 'Watch a stream',
    description:
      'A person has one viewing session per address: a newer one ' +
      'ends what was watched from there, and at the limit of sessions 429 is answered. Answers X-Client-ID and X-Stream-ID. ' +
      'A source that cannot be opened answers 502, 503 or 504 with the reason.',
    params: streamParams,
    query: viewerQuery,
    errors: SOURCE_ERRORS,
    answers,
  }),
  route({
    method: 'head',
    path: '/stream/{id}',
    access: 'viewer',
    tag: 'Watching',
    summary: 'What watching would answer',
    description: 'Of a shared or transcoded stream nothing is opened to find out.',
    params: streamParams,
    query: viewerQuery,
    errors: SOURCE_ERRORS,
    answers,
  }),
];

import { type ErrorCode, isStreampoolError, StreampoolError } from '@streampool/errors';
import type { StreamDefinition } from '@streampool/state';
import type { Response } from 'express';
import { firstQueryValue } from '../http/request-context.ts';
import { type Call, type Route, route } from '../http/route.ts';
import { type ViewerIdentity, viewerIdentity } from '../http/viewer-identity.ts';
import { streamParams } from '../schemas/stream-requests.ts';
import { PresentViewers } from '../streams/present-viewers.ts';
import { streamSpec } from '../streams/stream-spec.ts';
import { contentTypeOf, isFile } from '../streams/stream-type.ts';
import { streamNotFound } from './read-streams.ts';
import type { Services } from './services.ts';

const SOURCE_ERRORS: readonly ErrorCode[] = [
  'STREAM_NOT_FOUND',
  'SIGNATURE_INVALID',
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

export function watchRoutes(services: Services): Route[] {
  const { state, engine, config, signer, metrics } = services;
  const present = new PresentViewers(engine);
  /** Viewers whose response has not begun, by the id their player chose. */
  const starting = new Map<string, Response>();

  /**
   * One player, one connection: a newer one under the same chosen id ends the older, on whatever stream it is, so that a
   * player that reconnects or zaps does not count twice. Files are the exception: players read them from several places at once.
   */
  const replaceOlder = (viewer: ViewerIdentity, res: Response): void => {
    starting.get(viewer.clientId)?.req.socket.destroy();
    starting.set(viewer.clientId, res);
    if (present.has(viewer.clientId)) engine.disconnect(viewer.clientId);
  };

  const play = async (
    definition: StreamDefinition,
    { req, res, context }: Call<unknown, unknown, unknown>,
  ) => {
    const viewer = viewerIdentity(req);
    const log = context.log.child({ streamId: definition.id, clientId: viewer.clientId });
    const readsInPlaces =
      definition.kind === 'direct' && (req.headers.range !== undefined || isFile(definition.url));
    if (viewer.chosen && !readsInPlaces) replaceOlder(viewer, res);
    res.setHeader('X-Client-ID', viewer.clientId);
    let outcome = 'ok';
    try {
      const { chosen, ...identity } = viewer;
      await engine.watch(streamSpec(definition, config.defaultUserAgent), {
        ...identity,
        requestId: context.id,
        req,
        res,
      });
      if (!res.headersSent) outcome = 'left';
    } catch (error) {
      outcome = req.socket.destroyed ? 'left' : isStreampoolError(error) ? error.code : 'INTERNAL';
      if (outcome !== 'left') throw error;
    } finally {
      if (starting.get(viewer.clientId) === res) starting.delete(viewer.clientId);
      const ms = performance.now() - context.startedMs;
      metrics.observeStart({ kind: definition.kind, outcome }, ms);
      log.info({ outcome, ms: Math.round(ms), ip: viewer.ip, userAgent: viewer.userAgent }, 'viewer');
    }
  };

  const watch = async (call: Call<{ id: string }, undefined, undefined>): Promise<void> => {
    const { params, req, res } = call;
    if (services.isClosing()) {
      throw new StreampoolError('SHUTTING_DOWN', 'This server is shutting down', { retryAfterSeconds: 1 });
    }
    signer.check(params.id, firstQueryValue(req, 'expires'), firstQueryValue(req, 'signature'));
    const definition = await state.getDefinition(params.id);
    if (!definition) throw streamNotFound();
    res.setHeader('X-Stream-ID', definition.id);
    if (req.method === 'HEAD' && definition.kind !== 'direct') describeEndless(definition, res);
    else await play(definition, call);
  };

  const answers = {
    200: { description: 'The stream, without end where it is live', contentType: 'video/mp2t' },
    206: { description: 'A part of a file', contentType: 'application/octet-stream' },
  };
  return [
    route({
      method: 'get',
      path: '/stream/{id}',
      access: 'viewer',
      tag: 'Watching',
      summary: 'Watch a stream',
      description:
        'Query: `client_id` names the player (a newer connection under the same id ends the older one), `username`, `user` or ' +
        '`u` the person; the header X-Username goes before those. Answers X-Client-ID and X-Stream-ID. ' +
        'A source that cannot be opened answers 502, 503 or 504 with the reason.',
      params: streamParams,
      errors: SOURCE_ERRORS,
      answers,
      handle: watch,
    }),
    route({
      method: 'head',
      path: '/stream/{id}',
      access: 'viewer',
      tag: 'Watching',
      summary: 'What watching would answer',
      description: 'Of a shared or transcoded stream nothing is opened to find out.',
      params: streamParams,
      errors: SOURCE_ERRORS,
      answers,
      handle: watch,
    }),
  ];
}

/** The head of a live stream, without starting it: players ask before they play, and some ask again and again. */
function describeEndless(definition: StreamDefinition, res: Response): void {
  res.status(200);
  res.setHeader('Content-Type', contentTypeOf(definition));
  res.setHeader('Accept-Ranges', 'none');
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}

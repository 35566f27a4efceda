import type { IncomingMessage, ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { StreamDefinition } from '@streampool/state';
import { traced } from '@streampool/tracing';
import type { Logger } from 'pino';
import { isProxiedHls } from '../hls/hls-stream.ts';
import { allowOtherOrigins } from '../http/cross-origin.ts';
import { sendError } from '../http/error-response.ts';
import { beginRequest, type RequestContext } from '../http/request-context.ts';
import { traceparentOf } from '../http/traced-requests.ts';
import type { ViewerRedirect } from '../options.ts';
import { streamNotFound } from '../routes/read-streams.ts';
import type { Services } from '../routes/services.ts';
import { streamSpec } from '../streams/stream-spec.ts';
import { contentTypeOf, isFile } from '../streams/stream-type.ts';
import { LeftBehind } from './left-behind.ts';
import { PresentViewers } from './present-viewers.ts';
import { type AddressOf, addressReader, type ViewerIdentity, viewerIdentity } from './viewer-identity.ts';

export interface ViewerDoorOptions {
  readonly services: Services;
  readonly log: Logger;
}

/** A request as far as the door understands it. */
interface Knock {
  readonly streamId: string;
  readonly query: URLSearchParams;
}

/**
 * Where players come in: `GET` and `HEAD /stream/{id}`. It stands in front of the application: a framework's objects would
 * stay in memory with each of ten thousand viewers, for as long as they watch.
 */
export class ViewerDoor {
  readonly #services: Services;
  readonly #log: Logger;
  readonly #addressOf: AddressOf;
  readonly #present: PresentViewers;
  /** Undefined: there are no other nodes. */
  readonly #leftBehind: LeftBehind | undefined;
  /** Viewers whose response has not begun, by the id their player chose. */
  readonly #starting = new Map<string, IncomingMessage>();
  readonly #path: RegExp;

  constructor({ services, log }: ViewerDoorOptions) {
    this.#services = services;
    this.#log = log;
    this.#addressOf = addressReader(services.config.trustedProxies);
    this.#present = new PresentViewers(services.engine);
    const { state, peers, nodeId } = services;
    this.#leftBehind = peers && new LeftBehind({ state, peers, nodeId, present: this.#present });
    const prefix = services.config.rootPath.replace(/[^\w/~-]/g, '\\$&');
    this.#path = new RegExp(`^(?:${prefix})?/stream/([^/?#]+)/?(?:\\?(.*))?$`, 's');
  }

  /** Serves the request if it is one to watch a stream. False: it is somebody else's. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.method !== 'GET' && req.method !== 'HEAD') return false;
    const [, id, query] = this.#path.exec(req.url ?? '') ?? [];
    const streamId = id === undefined ? undefined : decoded(id);
    if (streamId === undefined) return false;
    if (res.socket === null) {
      // Sent before the answer to an earlier request: a stream has no end behind which it could be answered.
      req.socket.destroy();
      return true;
    }
    const context = beginRequest(req, res, this.#log);
    const parent = traceparentOf(req);
    const attributes = { 'stream.id': streamId, 'request.id': context.id };
    traced(this.#services.tracer, 'viewer start', { kind: 'server', parent, attributes }, () =>
      this.#watch(req, res, context, { streamId, query: new URLSearchParams(query) }),
    ).catch((error) => sendError(res, error));
    return true;
  }

  /** Idempotent. Its viewers are the engine's. */
  close(): void {
    this.#leftBehind?.close();
  }

  async #watch(
    req: IncomingMessage,
    res: ServerResponse,
    context: RequestContext,
    knock: Knock,
  ): Promise<void> {
    const { state, limits, redirect, viewerAccess, isClosing } = this.#services;
    allowOtherOrigins(req, res);
    if (isClosing()) {
      throw new StreampoolError('SHUTTING_DOWN', 'This server is shutting down', { retryAfterSeconds: 1 });
    }
    const viewer = viewerIdentity(req, knock.query, this.#addressOf);
    await viewerAccess.check(req, knock.streamId, knock.query, viewer);
    await limits.watch(viewer.ip);
    const asked = await state.getDefinition(knock.streamId);
    // Of a ladder its first rung: this player cannot choose.
    const first = asked?.variants?.[0]?.streamId;
    const definition = first === undefined ? asked : await state.getDefinition(first);
    if (!asked || !definition) throw streamNotFound();
    res.setHeader('X-Stream-ID', asked.id);
    if (isProxiedHls(definition)) toPlaylist(req, res, definition);
    else if (redirect) await this.#redirect(req, res, context, definition, knock.query, redirect);
    else if (req.method === 'HEAD' && definition.kind !== 'direct') describeEndless(definition, res);
    else await this.#play(req, res, context, definition, knock.query);
  }

  /** Sends the player to a worker, as the viewer that it is here. */
  async #redirect(
    req: IncomingMessage,
    res: ServerResponse,
    context: RequestContext,
    definition: StreamDefinition,
    query: URLSearchParams,
    redirect: ViewerRedirect,
  ): Promise<void> {
    const { redirectSigner } = this.#services;
    const viewer = viewerIdentity(req, query, this.#addressOf);
    const { clientId, username } = viewer;
    let outcome = 'redirected';
    try {
      const target = await redirect.target(definition.id);
      const to = new URLSearchParams(redirectSigner.query(definition.id));
      to.set('client_id', clientId);
      if (username !== undefined) to.set('username', username);
      res.statusCode = 307;
      res.setHeader('Location', `${target}/stream/${encodeURIComponent(definition.id)}?${to}`);
      res.setHeader('Cache-Control', 'no-store');
      res.setHeader('X-Client-ID', clientId);
      res.setHeader('Content-Length', 0);
      res.end();
    } catch (error) {
      outcome = isStreampoolError(error) ? error.code : 'INTERNAL';
      throw error;
    } finally {
      this.#note(context, definition, viewer, outcome);
    }
  }

  async #play(
    req: IncomingMessage,
    res: ServerResponse,
    context: RequestContext,
    definition: StreamDefinition,
    query: URLSearchParams,
  ): Promise<void> {
    const { engine, config, admission, sessions } = this.#services;
    const viewer = viewerIdentity(req, query, this.#addressOf);
    const readsInPlaces =
      definition.kind === 'direct' && (req.headers.range !== undefined || isFile(definition.url));
    res.setHeader('X-Client-ID', viewer.clientId);
    // Who asks for the head does not watch; without a name nobody has a session.
    const hasSession = req.method !== 'HEAD' && viewer.username !== undefined;
    const askedAtMs = Date.now();
    let isLetIn = false;
    let outcome = 'ok';
    try {
      const { chosen, ...identity } = viewer;
      if (hasSession) {
        await sessions.start(viewer, definition.id);
        isLetIn = true;
      }
      const isOnePlayer = chosen && !readsInPlaces;
      if (isOnePlayer) this.#replaceOlder(viewer, req);
      await admission?.check(definition);
      const spec = streamSpec(definition, config.defaultUserAgent);
      await engine.watch(spec, { ...identity, requestId: context.id, req, res });
      if (!res.headersSent) outcome = 'left';
      else if (isOnePlayer)
        this.#leftBehind?.came({ clientId: viewer.clientId, streamId: definition.id, askedAtMs });
    } catch (error) {
      outcome = req.socket.destroyed ? 'left' : isStreampoolError(error) ? error.code : 'INTERNAL';
      if (isUnknownPlaylist(error, definition) && !res.headersSent) {
        outcome = 'redirected';
        await this.#services.state.putStream({ ...definition, streamType: 'hls' });
        toPlaylist(req, res, definition);
      } else if (outcome !== 'left') throw error;
    } finally {
      if (isLetIn) sessions.settle(viewer, definition.id);
      if (this.#starting.get(viewer.clientId) === req) this.#starting.delete(viewer.clientId);
      this.#note(context, definition, viewer, outcome);
    }
  }

  #note(
    context: RequestContext,
    definition: StreamDefinition,
    viewer: ViewerIdentity,
    outcome: string,
  ): void {
    const ms = performance.now() - context.startedMs;
    this.#services.metrics.observeStart({ kind: definition.kind, outcome }, ms);
    const { clientId, ip, userAgent } = viewer;
    context.log.info(
      { streamId: definition.id, clientId, outcome, ms: Math.round(ms), ip, userAgent },
      'viewer',
    );
  }

  /**
   * One player, one connection: a newer one under the same chosen id ends the older, on whatever stream it is, so that a
   * player that reconnects or zaps does not count twice. Files are the exception: players read them from several places at once.
   */
  #replaceOlder({ clientId }: ViewerIdentity, req: IncomingMessage): void {
    this.#starting.get(clientId)?.socket.destroy();
    this.#starting.set(clientId, req);
    if (this.#present.has(clientId)) this.#services.engine.disconnect(clientId, { hasMoved: true });
    // Not waited for: the viewer shall see its picture, also while the state is away.
    void this.#services.endings.elsewhere(clientId);
  }
}

function decoded(id: string): string | undefined {
  try {
    return decodeURIComponent(id);
  } catch {
    return undefined;
  }
}

/** Its address did not tell what it is. */
function isUnknownPlaylist(error: unknown, { kind }: StreamDefinition): boolean {
  return kind === 'direct' && isStreampoolError(error, 'UPSTREAM_NOT_MEDIA') && error.info.playlist === true;
}

/** What a provider delivers as playlists, players get as playlists; the address is relative, so that any prefix stays. */
function toPlaylist(req: IncomingMessage, res: ServerResponse, { id }: StreamDefinition): void {
  const [path = '', query] = (req.url ?? '').split('?', 2);
  const up = path.endsWith('/') ? '../../' : '../';
  res.statusCode = 307;
  res.setHeader(
    'Location',
    `${up}hls/${encodeURIComponent(id)}/playlist.m3u8${query === undefined ? '' : `?${query}`}`,
  );
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Length', 0);
  res.end();
}

/** The head of a live stream, without starting it: players ask before they play, and some ask again and again. */
function describeEndless(definition: StreamDefinition, res: ServerResponse): void {
  res.statusCode = 200;
  res.setHeader('Content-Type', contentTypeOf(definition));
  res.setHeader('Accept-Ranges', 'none');
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}

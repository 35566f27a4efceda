import type { IncomingMessage, ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import { type HlsEdge, sendBody } from '@streampool/hls-edge';
import type { StreamDefinition, StreamVariant } from '@streampool/state';
import type { Logger } from 'pino';
import { networkStreamId } from '../broadcast/network-definition.ts';
import { type AskedOrigin, askedOriginReader } from '../http/asked-origin.ts';
import { allowOtherOrigins } from '../http/cross-origin.ts';
import { sendError } from '../http/error-response.ts';
import { beginRequest, type RequestContext } from '../http/request-context.ts';
import { streamNotFound } from '../routes/read-streams.ts';
import type { Services } from '../routes/services.ts';
import { type AddressOf, addressReader, type ViewerIdentity } from '../viewers/viewer-identity.ts';
import { splitQuery } from './carried-query.ts';
import { Definitions } from './definitions.ts';
import { GoingOn } from './going-on.ts';
import { hlsHead } from './hls-head.ts';
import { hlsStreamOf } from './hls-stream.ts';
import { hlsViewer } from './hls-viewer.ts';
import { ladderPlaylist, variantPath } from './ladder.ts';
import { NETWORK_NAMES, networkPlace, withMereNames } from './network-names.ts';
import { SeenMedia } from './seen-media.ts';

export interface HlsDoorOptions {
  readonly services: Services;
  readonly edge: HlsEdge;
  readonly log: Logger;
}

/** A request as far as the door understands it. */
interface Knock {
  readonly streamId: string;
  /** Below the stream's folder. */
  readonly path: string;
  /** It asks for a network by its name. */
  readonly isNetwork: boolean;
  readonly query: URLSearchParams;
}

const ENTRY = 'playlist.m3u8';
/** What that is called at networks, as m3u-proxy's clients know it. */
const NETWORK_ENTRY = 'live.m3u8';
const PLAYLIST_PATH = /\.m3u8?$/i;
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';

/**
 * Where players get HLS: `GET` and `HEAD /hls/{id}/playlist.m3u8` and what is below, and the same of networks by their names:
 * `/broadcast/{network}/live.m3u8`, `/segment/…`. In front of the application, like the {@link ViewerDoor}. Every playlist,
 * segment and part that a player asks for says that it is still there.
 */
export class HlsDoor {
  readonly #services: Services;
  readonly #edge: HlsEdge;
  readonly #log: Logger;
  readonly #addressOf: AddressOf;
  readonly #askedOrigin: AskedOrigin;
  readonly #definitions: Definitions;
  readonly #goingOn: GoingOn;
  readonly #path: RegExp;
  readonly #networkPath: RegExp;
  readonly #seenMedia = new SeenMedia();

  constructor({ services, edge, log }: HlsDoorOptions) {
    this.#services = services;
    this.#edge = edge;
    this.#log = log;
    this.#addressOf = addressReader(services.config.trustedProxies);
    this.#askedOrigin = askedOriginReader(services.config.trustedProxies);
    this.#definitions = new Definitions(services.state);
    this.#goingOn = new GoingOn({ services, edge, definitions: this.#definitions });
    edge.onStop((streamId) => this.#definitions.forget(streamId));
    const prefix = services.config.rootPath.replace(/[^\w/~-]/g, '\\$&');
    this.#path = new RegExp(`^(?:${prefix})?/hls/([^/?#]+)/([^?#]+)(?:\\?(.*))?$`, 's');
    this.#networkPath = new RegExp(
      `^(?:${prefix})?/broadcast/([^/?#]+)/(${NETWORK_NAMES})(?:\\?(.*))?$`,
      's',
    );
  }

  /** Serves the request if it is one for HLS. False: it is somebody else's. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.method !== 'GET' && req.method !== 'HEAD') return false;
    const knock = this.#knockOf(req.url ?? '');
    if (!knock) return false;
    const viewer = hlsViewer(req, knock.query, knock.streamId, this.#addressOf);
    if (!knock.isNetwork && this.#goingOn.serve(req, res, { ...knock, viewer })) return true;
    const context = beginRequest(req, res, this.#log);
    this.#answer(req, res, context, { ...knock, viewer }).catch((error) => {
      if (!req.socket.destroyed) sendError(res, error);
    });
    return true;
  }

  #knockOf(url: string): Knock | undefined {
    const stream = this.#path.exec(url);
    const [, name, path, query] = stream ?? this.#networkPath.exec(url) ?? [];
    if (name === undefined || path === undefined) return undefined;
    const shared = { query: new URLSearchParams(query), isNetwork: !stream };
    if (stream) return { ...shared, streamId: decoded(name), path };
    const streamId = networkStreamId(decoded(name));
    return { ...shared, streamId, path: networkPlace(path, ENTRY) };
  }

  async #answer(
    req: IncomingMessage,
    res: ServerResponse,
    context: RequestContext,
    knock: Knock & { readonly viewer: ViewerIdentity },
  ): Promise<void> {
    const { redirect } = this.#services;
    const { streamId, path, viewer } = knock;
    allowOtherOrigins(req, res);
    const isKnown = this.#edge.audience.has(streamId, viewer.clientId);
    const pass = await this.#letIn(req, knock, viewer, isKnown);
    const definition = await this.#definitions.get(streamId);
    if (knock.isNetwork && !definition?.programme)
      throw new StreampoolError('BROADCAST_NOT_FOUND', 'There is no network of this name');
    if (!definition) throw streamNotFound();
    res.setHeader('X-Stream-ID', streamId);
    res.setHeader('X-Client-ID', viewer.clientId);
    if (redirect && path === ENTRY) {
      this.#redirect(res, knock, viewer, await redirect.target(playedId(definition)));
      return;
    }
    const isPlaylist = PLAYLIST_PATH.test(path);
    const elsewhere = isPlaylist ? await this.#wayOut(definition) : undefined;
    if (elsewhere !== undefined) {
      this.#redirect(res, knock, viewer, elsewhere);
      this.#edge.audience.leave(streamId, viewer.clientId);
      return;
    }
    // Whoever only looks at heads watches nothing.
    const isStart = !isKnown && isPlaylist && req.method === 'GET';
    let outcome = 'ok';
    let hasBegun = (): void => {};
    try {
      await this.#admit(viewer, definition, { isKnown, isStart, isEntry: path === ENTRY });
      // Connections of providers go to streams that somebody wants.
      if (isStart) hasBegun = this.#edge.audience.waits({ ...viewer, streamId: definition.id });
      await this.#serve(req, res, knock, definition, { viewer, pass });
    } catch (error) {
      outcome = isStreampoolError(error) ? error.code : 'INTERNAL';
      if (req.socket.destroyed) outcome = 'left';
      throw error;
    } finally {
      if (isStart) {
        hasBegun();
        this.#services.sessions.settle(viewer, streamId);
        this.#note(context, definition, viewer, outcome);
      }
    }
  }

  /**
   * An address is good for a while; whoever began in time may go on beyond it.
   * @returns what the addresses in its playlists need, beside its own query
   * @throws StreampoolError as {@link ViewerAccess.check}
   */
  async #letIn(
    req: IncomingMessage,
    { streamId, path, query, isNetwork }: Knock,
    viewer: ViewerIdentity,
    isKnown: boolean,
  ): Promise<URLSearchParams | undefined> {
    const { limits, viewerAccess } = this.#services;
    try {
      // Addresses of networks are made by those who name them: nobody has ever signed one.
      const isOpen = isNetwork && !viewerAccess.needsToken;
      const pass = isOpen ? undefined : await viewerAccess.check(req, streamId, query, viewer);
      if (!isKnown && PLAYLIST_PATH.test(path)) await limits.watch(viewer.ip);
      return pass;
    } catch (error) {
      if (isKnown && isStreampoolError(error, 'SIGNATURE_INVALID') && error.info.expired === true)
        return undefined;
      throw error;
    }
  }

  /** @throws StreampoolError SHUTTING_DOWN, VIEWER_ENDED, USER_LIMIT, CAPACITY_EXHAUSTED */
  async #admit(
    viewer: ViewerIdentity,
    definition: StreamDefinition,
    { isKnown, isStart, isEntry }: { isKnown: boolean; isStart: boolean; isEntry: boolean },
  ): Promise<void> {
    const { admission, isClosing, sessions } = this.#services;
    const { id } = definition;
    if (!isKnown && isClosing())
      throw new StreampoolError('SHUTTING_DOWN', 'This server is shutting down', { retryAfterSeconds: 1 });
    // Who was replaced and begins anew may be zapping back: that is for its session to say.
    if (!isEntry || !sessions.wasReplaced(viewer, id))
      this.#edge.audience.check({ ...viewer, streamId: id }, { entry: isEntry });
    if (isStart) {
      await admission?.check({ id, kind: definition.kind === 'transcode' ? 'transcode' : 'shared' });
      await sessions.start(viewer, id);
      if (viewer.chosen) this.#replaceOlder(viewer, id);
      return;
    }
    const outcome = await sessions.touch(viewer, id);
    if (outcome !== 'ok')
      throw new StreampoolError('VIEWER_ENDED', 'This viewer watches something else, or was ended', {
        info: { reason: outcome },
      });
  }

  async #serve(
    req: IncomingMessage,
    res: ServerResponse,
    knock: Knock,
    definition: StreamDefinition,
    { viewer, pass }: { viewer: ViewerIdentity; pass: URLSearchParams | undefined },
  ): Promise<void> {
    const { own, carried } = splitQuery(knock.query, pass);
    const left = new AbortController();
    // Not for each that has its answer: an abort makes an error with a stack.
    res.once('close', () => {
      if (!res.writableFinished) left.abort();
    });
    const found = await this.#ask(definition, knock.path, own, req.headers.range, left.signal);
    const answer = knock.isNetwork ? withMereNames(found) : found;
    const seen = { ...viewer, streamId: definition.id };
    const isPlaylist = answer.kind === 'playlist';
    if (answer.status < 400 && req.method === 'GET')
      this.#edge.audience.touch(seen, { isPlaylist, targetDurationMs: answer.targetDurationMs });
    const isSigned = !this.#services.viewerAccess.isOpen;
    const body = await hlsHead(req, res, answer, {
      carried,
      isSigned,
      place: () => this.#placeOf(req, knock),
    });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    const isSent = await sendBody(res, body, {
      stuckMs: this.#services.config.facts.clientTimeoutMs,
      onSent: (bytes) => this.#edge.sent(seen, bytes),
    });
    if (answer.kind === 'media' && answer.status < 400 && isSent) this.#edge.served(seen);
    if (answer.kind === 'media') this.#look(definition, knock.path, answer);
  }

  /** The URL of what was asked for, as players know it. */
  #placeOf(req: IncomingMessage, { streamId, path }: Knock): string | undefined {
    const origin = this.#askedOrigin(req);
    const folder = `${this.#services.config.rootPath}/hls/${encodeURIComponent(streamId)}`;
    return origin && `${origin}${folder}/${path}`;
  }

  async #ask(
    definition: StreamDefinition,
    path: string,
    query: URLSearchParams,
    range: string | undefined,
    signal: AbortSignal,
  ): Promise<HlsAnswer> {
    const { variants } = definition;
    let [asked, below] = [definition, path];
    if (variants) {
      if (path === ENTRY) return this.#ladderAnswer(variants);
      const place = variantPath(path);
      const variant = place && variants[place.index];
      const inner = variant && (await this.#definitions.get(variant.streamId));
      if (!inner) throw new StreampoolError('NOT_FOUND', 'The stream has no such variant');
      [asked, below] = [inner, place.rest];
    }
    if (asked.programme) below = networkPath(below);
    const stream = hlsStreamOf(asked, this.#services.config.defaultUserAgent);
    const request: HlsRequest = { path: below, query, ...(range !== undefined && { range }) };
    const { answer } = await this.#edge.answer(stream, request, signal);
    return answer;
  }

  #ladderAnswer(variants: readonly StreamVariant[]): HlsAnswer {
    const text = ladderPlaylist(variants, (streamId) => this.#seenMedia.of(streamId));
    return {
      ...{ status: 200, kind: 'playlist', contentType: PLAYLIST_TYPE, maxAgeMs: 0 },
      body: Buffer.from(text),
    };
  }

  /** A segment of a ladder's rung tells what its playlist can say of it to the next player. */
  #look({ variants = [] }: StreamDefinition, path: string, { status, contentType, body }: HlsAnswer): void {
    const place = variantPath(path);
    const rung = place && variants[place.index];
    if (rung && status === 200 && contentType === 'video/mp2t')
      void this.#seenMedia.note(rung.streamId, place.rest, body);
  }

  /** Where players that still ask this node go, since it is about to end; undefined: it is not, or they must stay. */
  async #wayOut(definition: StreamDefinition): Promise<string | undefined> {
    const { isClosing, redirectWhenLeaving } = this.#services;
    if (!redirectWhenLeaving || !isClosing()) return undefined;
    return redirectWhenLeaving.target(playedId(definition)).catch(() => undefined);
  }

  /** Sends the player to a worker, as the viewer that it is here. Everything else follows from there. */
  #redirect(
    res: ServerResponse,
    { streamId, path, query }: Knock,
    viewer: ViewerIdentity,
    target: string,
  ): void {
    const to = splitQuery(query).own;
    const signature = this.#services.hlsRedirectSigner.query(streamId);
    for (const [name, value] of new URLSearchParams(signature)) to.set(name, value);
    to.set('client_id', viewer.clientId);
    if (viewer.username !== undefined) to.set('username', viewer.username);
    res.statusCode = 307;
    res.setHeader('Location', `${target}/hls/${encodeURIComponent(streamId)}/${path}?${to}`);
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', 0);
    res.end();
  }

  /** One player, one stream: what it watched until now under the id it chose is over. */
  #replaceOlder({ clientId }: ViewerIdentity, streamId: string): void {
    const { engine, endings } = this.#services;
    this.#edge.audience.moveTo(streamId, clientId);
    const elsewhere = engine.viewers().some((it) => it.clientId === clientId && it.streamId !== streamId);
    if (elsewhere) engine.disconnect(clientId);
    void endings.elsewhere(clientId, { unless: streamId });
  }

  #note(
    context: RequestContext,
    { id, kind }: StreamDefinition,
    viewer: ViewerIdentity,
    outcome: string,
  ): void {
    const ms = performance.now() - context.startedMs;
    this.#services.metrics.observeStart({ kind, outcome }, ms);
    const { clientId, ip, userAgent } = viewer;
    context.log.info(
      { streamId: id, clientId, outcome, ms: Math.round(ms), ip, userAgent, hls: true },
      'viewer',
    );
  }
}

/** Of what a network answers to nodes, what players may have. */
function networkPath(path: string): string {
  if (path === ENTRY) return NETWORK_ENTRY;
  if (path.startsWith('segment/')) return path;
  throw new StreampoolError('NOT_FOUND', 'A network has a playlist and segments');
}

/** What is played of a stream that itself only leads to others. */
function playedId({ id, variants }: StreamDefinition): string {
  return variants?.[0]?.streamId ?? id;
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

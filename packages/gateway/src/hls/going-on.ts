import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HlsAnswer } from '@streampool/hls';
import type { HlsEdge } from '@streampool/hls-edge';
import { requestId } from '../http/request-context.ts';
import type { Services } from '../routes/services.ts';
import type { ViewerIdentity } from '../viewers/viewer-identity.ts';
import { splitQuery } from './carried-query.ts';
import type { Definitions } from './definitions.ts';
import { type ReadyPlaylist, readyPlaylist } from './ready-playlist.ts';

export interface GoingOnOptions {
  readonly services: Pick<Services, 'sessions' | 'viewerAccess' | 'redirect' | 'isClosing'>;
  readonly edge: Pick<HlsEdge, 'audience' | 'current' | 'sent'>;
  readonly definitions: Pick<Definitions, 'known'>;
}

/** A request for a playlist, and whose it is. */
export interface Poll {
  readonly streamId: string;
  /** Below the stream's folder. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly viewer: ViewerIdentity;
}

/**
 * Players that watch already and ask for a playlist that is here: nine of ten requests for playlists. Nobody has to be asked and
 * nothing waited for, so that the answer is written at once, without all that the {@link HlsDoor} makes ready for requests that
 * may wait, fail or begin. Whatever is not as simple as that is the door's.
 */
export class GoingOn {
  readonly #options: GoingOnOptions;

  constructor(options: GoingOnOptions) {
    this.#options = options;
  }

  /** Answers the request if it is one of those. False: nothing has happened. */
  serve(req: IncomingMessage, res: ServerResponse, { streamId, path, query, viewer }: Poll): boolean {
    const { edge, services, definitions } = this.#options;
    const { viewerAccess, redirect, isClosing, sessions } = services;
    if (req.method !== 'GET' || req.headers.range !== undefined) return false;
    if (!edge.audience.has(streamId, viewer.clientId)) return false;
    // Who presents something is to be checked; who is to be sent elsewhere is sent there.
    if (!viewerAccess.isOpen || query.has('signature') || redirect || isClosing()) return false;
    const definition = definitions.known(streamId);
    // Ladders answer by themselves, and networks under other names.
    if (!definition || definition.variants || definition.programme) return false;
    const { own, carried } = splitQuery(query);
    const answer = edge.current(streamId, { path, query: own });
    const ready = answer && readyPlaylist(req, answer, carried);
    if (!ready || !sessions.goesOn(viewer, streamId)) return false;
    this.#answer(req, res, { streamId, viewer, answer, ready });
    return true;
  }

  #answer(
    req: IncomingMessage,
    res: ServerResponse,
    {
      streamId,
      viewer,
      answer: { contentType, targetDurationMs },
      ready: { body, bytes, encoding },
    }: {
      streamId: string;
      viewer: ViewerIdentity;
      answer: HlsAnswer;
      ready: ReadyPlaylist;
    },
  ): void {
    const { edge } = this.#options;
    const head = ['X-Request-ID', requestId(req), 'X-Stream-ID', streamId, 'X-Client-ID', viewer.clientId];
    head.push('Content-Type', contentType, 'Cache-Control', 'no-cache', 'Vary', 'Accept-Encoding');
    if (req.headers.origin !== undefined)
      head.push('Access-Control-Allow-Origin', '*', 'Access-Control-Expose-Headers', '*');
    if (encoding !== undefined) head.push('Content-Encoding', encoding);
    head.push('Content-Length', `${bytes}`);
    const seen = { ...viewer, streamId };
    edge.audience.touch(seen, { isPlaylist: true, targetDurationMs });
    res.writeHead(200, head);
    res.end(body);
    edge.sent(seen, bytes);
  }
}

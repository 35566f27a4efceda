import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import {
  answerHeaders,
  type HlsEdge,
  type HlsStream,
  readAnswer,
  readResume,
  sendBody,
  WIRE,
} from '@streampool/hls-edge';
import type { ClusterState, StreamDefinition } from '@streampool/state';
import type { Logger } from 'pino';
import { definitionFor } from './definition-for.ts';
import { checkInternalToken, refuseNode } from './internal-request.ts';
import type { Peers } from './peers.ts';

export interface HlsRelayDoorOptions {
  /** The secret that all nodes share. */
  readonly token: string;
  readonly state: Pick<ClusterState, 'getDefinition'>;
  /** Asked for what a stream is made of while the state is away. */
  readonly peers: Pick<Peers, 'definition'>;
  readonly edge: Pick<HlsEdge, 'answerNode' | 'inherit'>;
  /** How a stream is delivered as HLS. @throws StreampoolError HLS_NOT_AVAILABLE */
  readonly streamOf: (definition: StreamDefinition) => HlsStream;
  readonly log: Logger;
}

const PATH = /^\/internal\/hls\/([^/?#]+)\/([^?#]+)(?:\?(.*))?$/s;
/** An owner that waits for its source says so that often, so that it is not taken for dead; ms. */
const SIGN_OF_LIFE_MS = 1_000;
/** A node that takes nothing for this long is gone; ms. */
const STUCK_MS = 10_000;
/** More than what is handed on can be: a segment of some seconds. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Where other nodes ask for HLS: `GET /internal/hls/{id}/<path>?<query>` with the shared token, as players ask them, but without
 * what is theirs alone. The request may say how far the stream had come, and which owner the asking node saw die; a
 * free stream is claimed. What only nodes tell each other is in headers (`WIRE`).
 *
 * `PUT` to the same address: the other node gives what it has from a former owner, as an answer with its headers, for the players
 * of all nodes. 204: they will have it; 409: it comes too late.
 */
export class HlsRelayDoor {
  readonly #options: HlsRelayDoorOptions;

  constructor(options: HlsRelayDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is one of another node. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [, id, path, query] = PATH.exec(req.url ?? '') ?? [];
    if (id === undefined || path === undefined) return false;
    this.#answer(req, res, { id, path, query: new URLSearchParams(query) }).catch((error: unknown) =>
      refuseNode(res, error, this.#options.log),
    );
    return true;
  }

  async #answer(
    req: IncomingMessage,
    res: ServerResponse,
    { id, path, query }: { id: string; path: string; query: URLSearchParams },
  ): Promise<void> {
    const { token, edge, streamOf, state, peers } = this.#options;
    checkInternalToken(req, token);
    if (req.method === 'PUT') {
      await this.#inherit(req, res, { id, path, query });
      return;
    }
    if (req.method !== 'GET')
      throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here`);
    const node = String(req.headers[WIRE.node] ?? '');
    const left = new AbortController();
    res.once('close', () => left.abort());
    const signs = setInterval(() => res.writeProcessing(), SIGN_OF_LIFE_MS);
    try {
      const definition = await definitionFor({ state, peers }, decodeURIComponent(id), node);
      const deposes = Number(req.headers[WIRE.deposes] ?? Number.NaN);
      const resume = readResume(req.headers[WIRE.resume]);
      const request: HlsRequest = {
        path,
        query,
        ...(req.headers.range !== undefined && { range: req.headers.range }),
        ...(resume && { resume }),
      };
      const { answer, epoch } = await edge.answerNode(streamOf(definition), request, {
        node,
        ...(Number.isSafeInteger(deposes) && { deposes }),
        signal: left.signal,
      });
      clearInterval(signs);
      await send(res, answer, epoch);
    } finally {
      clearInterval(signs);
    }
  }

  async #inherit(
    req: IncomingMessage,
    res: ServerResponse,
    { id, path, query }: { id: string; path: string; query: URLSearchParams },
  ): Promise<void> {
    const { edge, streamOf, state, peers } = this.#options;
    const said = readAnswer(200, req.headers);
    if (!said) throw new StreampoolError('INVALID_REQUEST', 'what is handed on is not described');
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of req) {
      bytes += (part as Buffer).length;
      if (bytes > MOST_BYTES) throw new StreampoolError('INVALID_REQUEST', 'what is handed on is too large');
      parts.push(part as Buffer);
    }
    const node = String(req.headers[WIRE.node] ?? '');
    const definition = await definitionFor({ state, peers }, decodeURIComponent(id), node);
    const answer = { ...said.described, body: Buffer.concat(parts) };
    const isTaken = edge.inherit(streamOf(definition), { path, query }, answer);
    res.writeHead(isTaken ? 204 : 409).end();
  }
}

/** @throws what the body breaks off with */
async function send(res: ServerResponse, answer: HlsAnswer, epoch: number): Promise<void> {
  if (res.destroyed) return;
  const { body, status } = answer;
  res.writeHead(status, {
    ...answerHeaders(answer, epoch),
    ...(body.length !== undefined && { 'content-length': body.length }),
  });
  await sendBody(res, body, { stuckMs: STUCK_MS });
}

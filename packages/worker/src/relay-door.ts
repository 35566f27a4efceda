import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { ClusterState, StreamDefinition } from '@streampool/state';
import type { Ownership, RelayPosition, StreamEngine, StreamSpec } from '@streampool/streaming';
import type { Logger } from 'pino';
import { definitionFor } from './definition-for.ts';
import { checkInternalToken, refuseNode } from './internal-request.ts';
import type { Peers } from './peers.ts';

export interface RelayDoorOptions {
  /** The secret that all nodes share. */
  readonly token: string;
  readonly state: Pick<ClusterState, 'getDefinition'>;
  /** Asked for what a stream is made of while the state is away. */
  readonly peers: Pick<Peers, 'definition'>;
  readonly ownership: Ownership;
  readonly engine: Pick<StreamEngine, 'relay'>;
  /** What the data plane must know of a stream. */
  readonly specOf: (definition: StreamDefinition) => StreamSpec;
  readonly log: Logger;
}

const PATH = /^\/internal\/(?:streams\/([^/?#]+)\/relay(?:\?(.*))?$)?/s;

/**
 * Where other nodes come in: `GET /internal/streams/{id}/relay` with the shared token. The request names the stream only;
 * what it is made of, credentials included, the worker reads from the state, or asks that node for while the state is
 * away. It claims the stream if it is free, or if
 * `deposes` names the epoch of an owner that the asking node saw die.
 */
export class RelayDoor {
  readonly #options: RelayDoorOptions;

  constructor(options: RelayDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is one of another node. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path, id, query] = PATH.exec(req.url ?? '') ?? [];
    if (path === undefined) return false;
    this.#relay(req, res, id, new URLSearchParams(query)).catch((error: unknown) =>
      refuseNode(res, error, this.#options.log),
    );
    return true;
  }

  async #relay(
    req: IncomingMessage,
    res: ServerResponse,
    id: string | undefined,
    query: URLSearchParams,
  ): Promise<void> {
    const { ownership, engine, specOf, token, state, peers } = this.#options;
    checkInternalToken(req, token);
    if (id === undefined || req.method !== 'GET') {
      throw new StreampoolError('NOT_FOUND', 'There is nothing at this path');
    }
    const streamId = decodeURIComponent(id);
    const node = req.headers['x-streampool-node'];
    const definition = await definitionFor({ state, peers }, streamId, typeof node === 'string' ? node : '');
    const deposes = wholeNumber(query.get('deposes'));
    const place = await ownership.acquire(
      streamId,
      deposes === undefined ? {} : { deposes: { owner: '', epoch: deposes } },
    );
    if (!place.here) {
      throw new StreampoolError('OWNER_CHANGED', `the stream is owned by ${place.owner}`, {
        info: { owner: place.owner, epoch: place.epoch },
      });
    }
    const resume = positionOf(query);
    await engine.relay(specOf(definition), {
      node: typeof node === 'string' ? node : '',
      epoch: place.epoch,
      ...(resume && { resume }),
      joinNext: query.get('join') === 'next',
      req,
      res,
    });
  }
}

function positionOf(query: URLSearchParams): RelayPosition | undefined {
  const [epoch, offset] = [wholeNumber(query.get('epoch')), wholeNumber(query.get('offset'))];
  const ring = query.get('ring');
  return epoch === undefined || offset === undefined || !ring ? undefined : { epoch, ring, offset };
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

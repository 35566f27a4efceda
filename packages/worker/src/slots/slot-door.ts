import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { Logger } from 'pino';
import { answerNode, checkInternalToken, refuseNode } from '../internal-request.ts';
import type { NodeSight, Way } from './slot-choice.ts';

/** What a node does with its own slots when another one asks. */
export interface LocalSlots {
  sight(streamIds: readonly string[]): NodeSight;
  /** Ends what runs of a stream here, and the connection of that slot. True once its socket is really closed (or there was none). */
  giveWay(order: GiveWay): Promise<boolean>;
}

export interface GiveWay {
  readonly streamId: string;
  /** Empty at a node that only plays what the holder of the slot sends it. */
  readonly lease: string;
  readonly way: Way;
  /** Told to operators. */
  readonly reason: string;
}

export interface SlotDoorOptions {
  readonly token: string;
  readonly slots: LocalSlots;
  readonly log: Logger;
}

const PATH = /^\/internal\/slots(\/yield)?(?:\?(.*))?$/s;

/**
 * What other nodes may ask of this one's slots, with the shared token:
 * - `GET /internal/slots?stream={id}&stream=…`: which it has, and who watches those streams here.
 * - `POST /internal/slots/yield?stream=…&lease=…&way=…&reason=…`: ends that stream here, and answers `{"done": …}` when the
 *   provider's socket is closed.
 */
export class SlotDoor {
  readonly #options: SlotDoorOptions;

  constructor(options: SlotDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is one of these. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path, order, query] = PATH.exec(req.url ?? '') ?? [];
    if (path === undefined) return false;
    this.#do(req, order !== undefined, new URLSearchParams(query)).then(
      (answer) => answerNode(res, 200, answer),
      (error: unknown) => refuseNode(res, error, this.#options.log),
    );
    return true;
  }

  async #do(
    req: IncomingMessage,
    isOrder: boolean,
    query: URLSearchParams,
  ): Promise<NodeSight | { done: boolean }> {
    const { token, slots } = this.#options;
    checkInternalToken(req, token);
    if (req.method !== (isOrder ? 'POST' : 'GET')) {
      throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here`);
    }
    if (!isOrder) return slots.sight(query.getAll('stream'));
    const [streamId, lease, way, reason] = ['stream', 'lease', 'way', 'reason'].map(
      (name) => query.get(name) ?? '',
    ) as [string, string, Way, string];
    return { done: await slots.giveWay({ streamId, lease, way, reason }) };
  }
}

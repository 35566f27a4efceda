import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { StreamEngineApi } from '@streampool/streaming';
import type { Logger } from 'pino';
import { answerNode, checkInternalToken, refuseNode } from './internal-request.ts';

export interface ControlDoorOptions {
  /** The secret that all nodes share. */
  readonly token: string;
  readonly engine: Pick<StreamEngineApi, 'disconnect' | 'stop' | 'viewers'>;
  readonly log: Logger;
}

/** The answer waits so long, ms, for the source (an FFmpeg, a provider's connection) to be gone; whoever asks waits little longer. */
const STOP_WAIT_MS = 1_500;

const PATH = /^\/internal\/(?:clients\/([^/?#]+)|streams\/([^/?#]+)\/stop)(?:\?(.*))?$/s;

/**
 * What other nodes may ask of this one, with the shared token:
 * - `DELETE /internal/clients/{id}[?stream={id}]` ends the viewer of that id here (of that stream only); answers `{"found": …}`.
 * - `POST /internal/streams/{id}/stop` ends what plays the stream here with its viewers; answers `{"viewers": …}`.
 * An API call may come in through any gateway, while the socket it is about is somewhere else.
 */
export class ControlDoor {
  readonly #options: ControlDoorOptions;

  constructor(options: ControlDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is one of these. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path, clientId, streamId, query] = PATH.exec(req.url ?? '') ?? [];
    if (path === undefined) return false;
    this.#do(req, { clientId, streamId, query }).then(
      (answer) => answerNode(res, 200, answer),
      (error: unknown) => refuseNode(res, error, this.#options.log),
    );
    return true;
  }

  async #do(
    req: IncomingMessage,
    asked: { clientId: string | undefined; streamId: string | undefined; query: string | undefined },
  ): Promise<{ found: boolean } | { viewers: number }> {
    const { token, engine, log } = this.#options;
    checkInternalToken(req, token);
    const node = req.headers['x-streampool-node'];
    if (asked.clientId !== undefined && req.method === 'DELETE') {
      const clientId = decoded(asked.clientId);
      const streamId = new URLSearchParams(asked.query).get('stream');
      const isMeant = streamId === null || engine.viewers(streamId).some((it) => it.clientId === clientId);
      const found = isMeant && engine.disconnect(clientId);
      log.info({ clientId, node, found }, 'another node ends a viewer');
      return { found };
    }
    if (asked.streamId !== undefined && req.method === 'POST') {
      const streamId = decoded(asked.streamId);
      log.info({ streamId, node }, 'another node ends a stream');
      const viewers = engine.viewers(streamId).length;
      await withinTime(engine.stop(streamId), STOP_WAIT_MS);
      return { viewers };
    }
    throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here`);
  }
}

async function withinTime(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StreampoolError('INVALID_REQUEST', 'The path is not properly encoded');
  }
}

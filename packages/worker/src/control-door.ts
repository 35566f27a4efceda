import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { ClusterState } from '@streampool/state';
import { DRILL_FAULTS, type DrillRequest, type StreamEngineApi } from '@streampool/streaming';
import type { Logger } from 'pino';
import { GapBook } from './gap-book.ts';
import { answerNode, checkInternalToken, refuseNode } from './internal-request.ts';

export interface ControlDoorOptions {
  /** The secret that all nodes share. */
  readonly token: string;
  readonly engine: Pick<
    StreamEngineApi,
    'disconnect' | 'stop' | 'viewers' | 'failover' | 'drill' | 'measureGaps'
  >;
  /** What this node knows of streams, from memory while the state is away. */
  readonly state: Pick<ClusterState, 'getDefinition'>;
  readonly log: Logger;
}

/** The answer waits so long, ms, for the source (an FFmpeg, a provider's connection) to be gone; whoever asks waits little longer. */
const STOP_WAIT_MS = 1_500;

const PATH =
  /^\/internal\/(?:clients\/([^/?#]+)|streams\/([^/?#]+)\/(stop|definition|failover|drill|gaps))(?:\?(.*))?$/s;

/**
 * What other nodes may ask of this one, with the shared token:
 * - `DELETE /internal/clients/{id}[?stream={id}]` ends the viewer of that id here (of that stream only); answers `{"found": …}`.
 * - `POST /internal/streams/{id}/stop` ends what plays the stream here with its viewers; answers `{"viewers": …}`.
 * - `POST /internal/streams/{id}/failover[?index=n]` changes over to another source; answers when its pictures go out:
 *   `{"failoverIndex": …, "failoverAttempts": …}`.
 * - `POST /internal/streams/{id}/drill?fault=…&seconds=…` makes the source that plays here look broken; answers afterwards.
 * - `POST /internal/streams/{id}/gaps?wish=start|take&key=…` measures what the viewers here get, for a drill: from `start` on,
 *   until it is taken; answers `{"gapsMs": …, "dropped": …}`.
 * - `GET /internal/streams/{id}/definition` is what the stream is made of, for a node that is asked to play it while the
 *   state is away. It goes where the state's secrets are at home: to whoever has the token.
 *
 * An API call may come in through any gateway, while the socket it is about is somewhere else.
 */
export class ControlDoor {
  readonly #options: ControlDoorOptions;
  readonly #gaps: GapBook;

  constructor(options: ControlDoorOptions) {
    this.#options = options;
    this.#gaps = new GapBook(options.engine);
  }

  /** Serves the request if it is one of these. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path, clientId, streamId, wish, query] = PATH.exec(req.url ?? '') ?? [];
    if (path === undefined) return false;
    this.#do(req, { clientId, streamId, wish, query }).then(
      (answer) => answerNode(res, 200, answer),
      (error: unknown) => refuseNode(res, error, this.#options.log),
    );
    return true;
  }

  async #do(
    req: IncomingMessage,
    asked: Record<'clientId' | 'streamId' | 'wish' | 'query', string | undefined>,
  ): Promise<object> {
    const { token, engine, state, log } = this.#options;
    checkInternalToken(req, token);
    const node = req.headers['x-streampool-node'];
    if (asked.clientId !== undefined && req.method === 'DELETE') {
      const clientId = decoded(asked.clientId);
      const query = new URLSearchParams(asked.query);
      const streamId = query.get('stream');
      const isMeant = streamId === null || engine.viewers(streamId).some((it) => it.clientId === clientId);
      const how = { hasMoved: query.has('moved'), ...(streamId !== null && { streamId }) };
      const found = isMeant && engine.disconnect(clientId, how);
      log.info({ clientId, node, found }, 'another node ends a viewer');
      return { found };
    }
    if (asked.streamId !== undefined && asked.wish === 'definition' && req.method === 'GET') {
      const definition = await state.getDefinition(decoded(asked.streamId));
      if (!definition) throw new StreampoolError('STREAM_NOT_FOUND', 'There is no such stream');
      return definition;
    }
    if (asked.streamId !== undefined && asked.wish === 'failover' && req.method === 'POST') {
      const streamId = decoded(asked.streamId);
      log.info({ streamId, node }, 'another node asks for a failover');
      const index = new URLSearchParams(asked.query).get('index');
      return engine.failover(streamId, index === null ? {} : { index: Number(index) });
    }
    if (asked.streamId !== undefined && asked.wish === 'drill' && req.method === 'POST') {
      const streamId = decoded(asked.streamId);
      const request = drillOf(new URLSearchParams(asked.query));
      log.info({ streamId, node, ...request }, 'another node asks for a drill');
      return engine.drill(streamId, request);
    }
    if (asked.streamId !== undefined && asked.wish === 'gaps' && req.method === 'POST') {
      const query = new URLSearchParams(asked.query);
      const key = query.get('key') ?? '';
      if (query.get('wish') === 'take') return this.#gaps.take(key);
      this.#gaps.start(key, decoded(asked.streamId));
      return {};
    }
    if (asked.streamId !== undefined && asked.wish === 'stop' && req.method === 'POST') {
      const streamId = decoded(asked.streamId);
      log.info({ streamId, node }, 'another node ends a stream');
      const viewers = engine.viewers(streamId).length;
      await withinTime(engine.stop(streamId), STOP_WAIT_MS);
      return { viewers };
    }
    throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here`);
  }
}

/** @throws StreampoolError INVALID_REQUEST */
function drillOf(query: URLSearchParams): DrillRequest {
  const fault = DRILL_FAULTS.find((name) => name === query.get('fault'));
  const seconds = Number(query.get('seconds'));
  if (!fault || !(seconds > 0 && seconds <= 60))
    throw new StreampoolError('INVALID_REQUEST', 'There is no such drill');
  return { fault, seconds };
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

import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreampoolError } from '@streampool/errors';
import type { Logger } from 'pino';
import { answerNode, checkInternalToken, refuseNode } from './internal-request.ts';

/** How much is logged, by the names that pino has for it. */
export interface LogLevelState {
  readonly level: string;
  /** When it goes back to what is configured, ms from now. */
  readonly revertsInMs?: number;
}

export interface OperatorDoorOptions {
  /** The secret that all nodes share. */
  readonly token: string;
  /** What this process has done, and how it is: something that becomes JSON. */
  readonly report: () => object;
  readonly logLevel: {
    get(): LogLevelState;
    /** @throws StreampoolError INVALID_REQUEST */
    set(level: string, forMs?: number): LogLevelState;
  };
  readonly log: Logger;
}

const PATH = /^\/internal\/(report|log-level)(?:\?(.*))?$/s;

/**
 * What an operator who asks any gateway wants of every node, with the shared token:
 * - `GET /internal/report` is what this process has done and how it is.
 * - `GET /internal/log-level` says how much it logs; `POST /internal/log-level?level=…[&for=ms]` changes it.
 */
export class OperatorDoor {
  readonly #options: OperatorDoorOptions;

  constructor(options: OperatorDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is one of these. */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path, what, query] = PATH.exec(req.url ?? '') ?? [];
    if (path === undefined) return false;
    try {
      answerNode(res, 200, this.#do(req, what, new URLSearchParams(query)));
    } catch (error) {
      refuseNode(res, error, this.#options.log);
    }
    return true;
  }

  #do(req: IncomingMessage, what: string | undefined, query: URLSearchParams): object {
    const { token, report, logLevel } = this.#options;
    checkInternalToken(req, token);
    if (what === 'report' && req.method === 'GET') return report();
    if (what === 'log-level' && req.method === 'GET') return logLevel.get();
    if (what === 'log-level' && req.method === 'POST') {
      const forMs = query.get('for');
      return logLevel.set(query.get('level') ?? '', forMs === null ? undefined : Number(forMs));
    }
    throw new StreampoolError('METHOD_NOT_ALLOWED', `${req.method} is not possible here`);
  }
}

import { StreampoolError } from '@streampool/errors';
import type { ClusterState, StreamDefinition } from '@streampool/state';
import type { DrillRequest, DrillResult, FailoverResult, ViewerGaps } from '@streampool/streaming';
import type { Logger } from 'pino';
import { refusalOf } from './internal-request.ts';
import type { LogLevelState } from './operator-door.ts';

type Method = 'GET' | 'DELETE' | 'POST';

export interface PeersOptions {
  readonly state: Pick<ClusterState, 'listWorkers'>;
  /** This node, which is no peer of its own. */
  readonly self: string;
  readonly token: string;
  readonly log: Logger;
  /** The longest one call may take; ms. */
  readonly timeoutMs?: number;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

const TIMEOUT_MS = 2_000;
/** A provider may take long to begin, and its first keyframe has to come. */
const SWITCH_TIMEOUT_MS = 30_000;
/** A node that did not answer is not waited for again within this time: deleting a hundred streams must not take minutes. */
const SHUNNED_MS = 5_000;

/**
 * What this node can make the others do, through their {@link ControlDoor}. Where nothing else is said nothing throws: a
 * node may be dead.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #now: () => number;
  readonly #silentSinceMs = new Map<string, number>();

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Ends a viewer (of that stream, if one is given) at a node; `hasMoved`: it watches something else. Undefined if that node did
   * not answer, or is none.
   */
  async disconnect(
    node: string,
    clientId: string,
    streamId?: string,
    { hasMoved = false }: { readonly hasMoved?: boolean } = {},
  ): Promise<boolean | undefined> {
    const moved = hasMoved ? '&moved=1' : '';
    const query = streamId === undefined ? '' : `?stream=${encodeURIComponent(streamId)}${moved}`;
    const answer = await this.#ask(node, 'DELETE', `/clients/${encodeURIComponent(clientId)}${query}`);
    return (answer as { found?: boolean } | undefined)?.found;
  }

  /** Ends what plays a stream at a node. How many viewers it had there; undefined if that node did not answer, or is none. */
  async stop(node: string, streamId: string): Promise<number | undefined> {
    const answer = await this.#ask(node, 'POST', `/streams/${encodeURIComponent(streamId)}/stop`);
    return (answer as { viewers?: number } | undefined)?.viewers;
  }

  /** What a stream is made of, as that node knows it. Undefined if it does not, or did not answer. */
  async definition(node: string, streamId: string): Promise<StreamDefinition | undefined> {
    const answer = await this.#ask(node, 'GET', `/streams/${encodeURIComponent(streamId)}/definition`);
    return answer as StreamDefinition | undefined;
  }

  /**
   * Makes the node that plays a stream's source change over to another one. Unlike the others this says why not.
   * @throws StreampoolError as that node's engine does; NODE_UNREACHABLE
   */
  async failover(node: string, streamId: string, options: { index?: number } = {}): Promise<FailoverResult> {
    const query = options.index === undefined ? '' : `?index=${options.index}`;
    const path = `/streams/${encodeURIComponent(streamId)}/failover${query}`;
    return (await this.#demand(node, path, SWITCH_TIMEOUT_MS)) as FailoverResult;
  }

  /** Makes the source that a node plays look broken. @throws StreampoolError as that node's engine does; NODE_UNREACHABLE */
  async drill(node: string, streamId: string, { fault, seconds }: DrillRequest): Promise<DrillResult> {
    const path = `/streams/${encodeURIComponent(streamId)}/drill?fault=${fault}&seconds=${seconds}`;
    return (await this.#demand(node, path, seconds * 1_000 + SWITCH_TIMEOUT_MS)) as DrillResult;
  }

  /** Lets a node measure what its viewers of a stream get, until it is taken. Undefined if it did not answer. */
  async gaps(
    node: string,
    streamId: string,
    { wish, key }: { wish: 'start' | 'take'; key: string },
  ): Promise<ViewerGaps | undefined> {
    const path = `/streams/${encodeURIComponent(streamId)}/gaps?wish=${wish}&key=${encodeURIComponent(key)}`;
    return (await this.#ask(node, 'POST', path)) as ViewerGaps | undefined;
  }

  /** What a node has done since it started, and how it is (see {@link OperatorDoor}). Undefined if it did not answer. */
  async report<Report>(node: string): Promise<Report | undefined> {
    return (await this.#ask(node, 'GET', '/report')) as Report | undefined;
  }

  /** How much a node logs, changed first where a level (and for how many ms) is given. Undefined if it did not answer. */
  async logLevel(node: string, wish?: [level: string, forMs?: number]): Promise<LogLevelState | undefined> {
    if (!wish) return (await this.#ask(node, 'GET', '/log-level')) as LogLevelState | undefined;
    const [level, forMs] = wish;
    const query = new URLSearchParams({ level, ...(forMs !== undefined && { for: `${forMs}` }) });
    return (await this.#ask(node, 'POST', `/log-level?${query}`)) as LogLevelState | undefined;
  }

  /** @throws StreampoolError the node's refusal; NODE_UNREACHABLE */
  async #demand(node: string, path: string, timeoutMs: number): Promise<unknown> {
    // Asked for once, by somebody who waits for the answer: it may be back.
    this.#silentSinceMs.delete(node);
    const response = await this.#call(node, 'POST', path, timeoutMs);
    if (!response) throw new StreampoolError('NODE_UNREACHABLE', `node ${node} does not answer`);
    if (!response.ok) throw refusalOf(response.answer);
    return response.answer;
  }

  async #ask(node: string, method: Method, path: string): Promise<unknown> {
    const { timeoutMs = TIMEOUT_MS, log } = this.#options;
    const response = await this.#call(node, method, path, timeoutMs);
    if (response && !response.ok)
      log.warn({ node, path, status: response.status }, 'another node refused what was asked of it');
    return response?.ok ? response.answer : undefined;
  }

  /** Undefined: no answer, or no such node. */
  async #call(
    node: string,
    method: Method,
    path: string,
    timeoutMs: number,
  ): Promise<{ ok: boolean; status: number; answer: unknown } | undefined> {
    const { self, token, log } = this.#options;
    if (node === '' || node === self || this.#isShunned(node)) return undefined;
    try {
      const url = await this.#urlOf(node);
      if (url === undefined) return undefined;
      const response = await fetch(`${url}/internal${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'x-streampool-node': self },
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { ok: response.ok, status: response.status, answer: await response.json() };
    } catch (error) {
      this.#silentSinceMs.set(node, this.#now());
      log.warn({ node, path, reason: reasonOf(error) }, 'another node did not answer');
      return undefined;
    }
  }

  #isShunned(node: string): boolean {
    const sinceMs = this.#silentSinceMs.get(node);
    if (sinceMs === undefined) return false;
    if (this.#now() - sinceMs < SHUNNED_MS) return true;
    this.#silentSinceMs.delete(node);
    return false;
  }

  async #urlOf(node: string): Promise<string | undefined> {
    return (await this.#options.state.listWorkers()).find(({ id }) => id === node)?.url;
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string } };
  return cause?.code ?? message ?? 'unknown';
}

import type { ClusterState } from '@streampool/state';
import type { Logger } from 'pino';
import type { NodeSight } from './slot-choice.ts';
import type { GiveWay } from './slot-door.ts';

export interface SlotPeersOptions {
  readonly state: Pick<ClusterState, 'listWorkers'>;
  /** This node, which is no peer of its own. */
  readonly self: string;
  readonly token: string;
  readonly log: Logger;
  /** The longest a look at one node may take; ms. */
  readonly lookMs?: number;
}

/** What the other nodes said. */
export interface PeersSight {
  readonly nodes: readonly NodeSight[];
  readonly gone: ReadonlySet<string>;
  readonly isPartial: boolean;
}

/** The other nodes' slots, through their {@link SlotDoor}. Nothing here throws: a node may be dead. */
export class SlotPeers {
  readonly #options: SlotPeersOptions;

  constructor(options: SlotPeersOptions) {
    this.#options = options;
  }

  /** Asks everybody at once who has which slots, and who watches those streams. */
  async look(streamIds: readonly string[]): Promise<PeersSight> {
    const { state, self, lookMs = 600 } = this.#options;
    const query = new URLSearchParams(streamIds.map((id): [string, string] => ['stream', id])).toString();
    const workers = await state.listWorkers().catch(() => []);
    const gone = new Set<string>();
    const nodes: NodeSight[] = [];
    let isPartial = workers.length === 0;
    await Promise.all(
      workers.map(async ({ id, url, alive }) => {
        if (id === self) return;
        try {
          nodes.push((await this.#ask(url, 'GET', `/internal/slots?${query}`, lookMs)) as NodeSight);
        } catch (error) {
          // The host is there and says that nobody listens: that process has ended, and its sockets with it.
          if (isRefused(error) || alive === false) gone.add(id);
          else isPartial = true;
        }
      }),
    );
    return { nodes, gone, isPartial };
  }

  /** True when it has been done. */
  async giveWay(node: string, order: GiveWay, waitMs: number): Promise<boolean> {
    const { streamId: stream, ...rest } = order;
    const query = new URLSearchParams({ stream, ...rest }).toString();
    try {
      const worker = (await this.#options.state.listWorkers()).find(({ id }) => id === node);
      if (!worker) return false;
      const answer = await this.#ask(worker.url, 'POST', `/internal/slots/yield?${query}`, waitMs);
      return (answer as { done: boolean }).done;
    } catch (error) {
      this.#options.log.warn({ node, reason: (error as Error).message }, 'a node did not give way');
      return false;
    }
  }

  async #ask(url: string, method: string, path: string, timeoutMs: number): Promise<unknown> {
    const { token, self } = this.#options;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'x-streampool-node': self },
      signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
    });
    if (!response.ok) throw new Error(`it answered with status ${response.status}`);
    return response.json();
  }
}

function isRefused(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code === 'ECONNREFUSED';
}

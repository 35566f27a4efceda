import type { ClientRecord, ClusterState } from '@streampool/state';
import type { StreamEngineApi } from '@streampool/streaming';
import { LADDER_LABEL } from '../hls/ladder.ts';
import type { Peers } from '../options.ts';
import type { LiveStream, LiveView } from './live-view.ts';

export interface EndingsOptions {
  readonly state: ClusterState;
  readonly engine: StreamEngineApi;
  readonly live: LiveView;
  readonly nodeId: string;
  /** Absent: there are no other nodes. */
  readonly peers?: Peers;
}

/** Records that are looked through for nodes with viewers of one stream. */
const PAGES = 10;
const PAGE = 1_000;

/** Ends viewers and streams wherever in the cluster they are: the socket, and at once the record that limits are counted by. */
export class Endings {
  readonly #options: EndingsOptions;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /**
   * Ends a viewer, at all nodes that it asks; with a `streamId`, only if that is what it watches. Undefined: there is none.
   * `confirmed`: its socket is closed; else a node of it did not answer, and only the record is gone.
   */
  async viewer(clientId: string, streamId?: string): Promise<{ confirmed: boolean } | undefined> {
    const { state, engine, peers } = this.#options;
    const viewers = engine.viewers(streamId).filter((viewer) => viewer.clientId === clientId);
    const here = viewers.map((viewer) => ({ streamId: viewer.streamId, clientId }));
    // One that still waits for its first picture is not among the viewers.
    if ((streamId === undefined || here.length > 0) && engine.disconnect(clientId)) {
      // One without a socket would go on at the others that it asks.
      const isEverywhere = peers && viewers.some(({ segments }) => segments !== undefined);
      const record = isEverywhere && (await state.getClient(clientId).catch(() => undefined));
      if (record && (streamId ?? record.streamId) === record.streamId)
        await this.#disconnectAt(this.#otherNodes(record), record);
      // The record would follow with the next beat; until then it would be counted where nothing plays here any more.
      await state.removeClients(here).catch(() => {});
      return { confirmed: true };
    }
    if (!peers) return undefined;
    const record = await state.getClient(clientId);
    const nodes = record ? this.#otherNodes(record) : [];
    if (!record || nodes.length === 0) return undefined;
    if (streamId !== undefined && record.streamId !== streamId) return undefined;
    const found = await Promise.all(nodes.map((node) => peers.disconnect(node, clientId, streamId)));
    await state.removeClients([{ streamId: record.streamId, clientId }]);
    return { confirmed: !found.includes(undefined) };
  }

  /**
   * A player has come here under an id that it chose: what another node still serves under it is over. Only what the records
   * say at this moment, and only on that stream: the player may be back there on another one by then. `unless` it is this
   * stream: one player of HLS comes through any node with each of its requests. Never rejects.
   */
  async elsewhere(clientId: string, { unless }: { unless?: string } = {}): Promise<void> {
    const { state, peers } = this.#options;
    if (!peers) return;
    const record = await state.getClient(clientId).catch(() => undefined);
    if (!record || record.streamId === unless) return;
    await this.#disconnectAt(this.#otherNodes(record), record, { hasMoved: true });
  }

  /** Where else than here a viewer is by its record. */
  #otherNodes({ node, alsoAt = [] }: ClientRecord): string[] {
    return [node, ...alsoAt].filter((one) => one !== this.#options.nodeId);
  }

  async #disconnectAt(
    nodes: readonly string[],
    { id, streamId }: ClientRecord,
    how?: { readonly hasMoved?: boolean },
  ): Promise<void> {
    await Promise.all(nodes.map((node) => this.#options.peers?.disconnect(node, id, streamId, how)));
  }

  /**
   * Forgets a stream, then ends what plays it: in the other order a viewer coming back at once would start it again.
   * Resolves with how many viewers it had when its sources are gone (elsewhere: or soon will be); undefined: there was no such stream.
   */
  async stream(streamId: string): Promise<number | undefined> {
    const { state, engine, live, peers } = this.#options;
    const rungs = await this.#rungsOf(streamId);
    const before = peers && (await live.stream(streamId));
    const nodes = before ? await this.#nodesToStop(before) : [];
    const existed = await state.removeStream(streamId);
    const [here] = await Promise.all([
      engine.stop(streamId),
      ...nodes.map((node) => peers?.stop(node, streamId)),
    ]);
    await Promise.all(rungs.map((rung) => this.stream(rung)));
    return existed ? Math.max(here, before?.viewers ?? 0) : undefined;
  }

  /**
   * Every other node, if anybody plays it: viewers without a socket have more nodes than their records name, and one that came
   * a moment ago has no record yet. A direct stream would go on there for as long as it is watched.
   */
  async #nodesToStop({ record: { owner }, viewers }: LiveStream): Promise<string[]> {
    if (owner === '' && viewers === 0) return [];
    const all = (await this.#options.state.listWorkers()).map(({ id }) => id);
    return [...new Set([owner, ...all])].filter((node) => node !== '' && node !== this.#options.nodeId);
  }

  /** The streams that are there for a ladder only. */
  async #rungsOf(streamId: string): Promise<string[]> {
    const { state } = this.#options;
    const { variants = [] } = (await state.getDefinition(streamId)) ?? {};
    const rungs = await Promise.all(variants.map((variant) => state.getDefinition(variant.streamId)));
    return rungs.flatMap((rung) => (rung?.metadata[LADDER_LABEL] === streamId ? [rung.id] : []));
  }

  /** The other nodes that play a stream: its owner, and whoever has viewers (relays end with their owner, but not if it is dead or stuck). */
  async nodesOf(streamId: string, owner: string): Promise<string[]> {
    const { state, nodeId } = this.#options;
    const nodes = new Set([owner]);
    let after: string | undefined;
    for (let page = 0; page < PAGES; page++) {
      const { items, next } = await state.listClients({
        streamId,
        limit: PAGE,
        ...(after !== undefined && { after }),
      });
      for (const { node } of items) nodes.add(node);
      if (next === undefined) break;
      after = next;
    }
    return [...nodes].filter((node) => node !== '' && node !== nodeId);
  }
}

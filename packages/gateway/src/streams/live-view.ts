import type { ClientRecord, ClusterState, StreamRecord } from '@streampool/state';
import type { PoolSnapshot, StreamEngineApi, ViewerSnapshot } from '@streampool/streaming';

/** Everything one answer shows at most, so that no answer holds the event loop for long. */
export const MAX_LISTED = 10_000;
const PAGE = 1000;

/** A stream as it is now: what the state knows, and what this process knows better. */
export interface LiveStream {
  readonly record: StreamRecord;
  /** Only where this process plays it. */
  readonly pool?: PoolSnapshot;
  readonly viewers: number;
}

/** What `active_only` means: it can be watched, and somebody does. */
export function isWatched({ record, viewers }: LiveStream): boolean {
  return viewers > 0 && record.state !== 'failed' && record.state !== 'stopped';
}

export interface LiveViewOptions {
  readonly state: ClusterState;
  readonly engine: StreamEngineApi;
  /** Id under which this process writes to the state. */
  readonly nodeId: string;
  /** Other nodes may have viewers of the same streams. */
  readonly clustered?: boolean;
}

/**
 * Joins the state (the whole cluster, as of the last heartbeats) with the engine (this process, now). Clients act on
 * viewer counts at once (a provider's limit, "is this channel playing?"), so a count must not lag by a heartbeat.
 */
export class LiveView {
  readonly #options: LiveViewOptions;

  constructor(options: LiveViewOptions) {
    this.#options = options;
  }

  async stream(id: string): Promise<LiveStream | undefined> {
    const record = await this.#options.state.getStream(id);
    return record && this.#join([record])[0];
  }

  /** Newest access first. Without a limit all of them, up to {@link MAX_LISTED}; `next` says that there are more. */
  async streams(page: { after?: string | undefined; limit?: number | undefined } = {}): Promise<{
    items: LiveStream[];
    next?: string;
  }> {
    const { items, next } = await this.#pages(page, (query) => this.#options.state.listStreams(query));
    return { items: this.#join(items), ...(next !== undefined && { next }) };
  }

  async byMetadata(field: string, value: string): Promise<LiveStream[]> {
    return this.#join(await this.#options.state.findByMetadata(field, value));
  }

  /** Viewers here as the engine has them, and those of other nodes as the state has them. */
  async clients(filter: {
    streamId?: string;
    after?: string | undefined;
    limit?: number | undefined;
  }): Promise<{ items: ClientRecord[]; next?: string }> {
    const { streamId, after, limit } = filter;
    const stored = await this.#pages({ after, limit }, (query) =>
      this.#options.state.listClients({ ...query, ...(streamId !== undefined && { streamId }) }),
    );
    const here = this.#options.engine.viewers(streamId).map((viewer) => this.#clientOf(viewer));
    // One without a socket may be here and at the node that answered it last.
    const shown = new Set(here.map(placeOf));
    const others = stored.items.filter(
      (client) => client.node !== this.#options.nodeId && !shown.has(placeOf(client)),
    );
    return {
      // On the first page only: the engine has no cursor, and shows each of its viewers once.
      items: [...(after === undefined ? here : []), ...others],
      ...(stored.next !== undefined && { next: stored.next }),
    };
  }

  async client(id: string): Promise<ClientRecord | undefined> {
    const here = this.#options.engine.viewers().find((viewer) => viewer.clientId === id);
    if (here) return this.#clientOf(here);
    const record = await this.#options.state.getClient(id);
    const isOver = record?.node === this.#options.nodeId && record.alsoAt === undefined;
    return isOver ? undefined : record;
  }

  #join(records: readonly StreamRecord[]): LiveStream[] {
    const { engine, clustered = false } = this.#options;
    const [one, another] = records;
    // Who asks for one stream does not pay for all that are played here.
    const pools = poolsByStream(engine.pools(another ? undefined : one?.id));
    return records.map((record) => {
      const pool = pools.get(record.id);
      // What its owner says of it is truer than what a relay knows, but for viewers that have just come here.
      if (pool?.relayed) return { record, pool, viewers: Math.max(record.viewers, pool.viewers) };
      if (pool) {
        // Of a direct stream every node has the viewers that came to it.
        const viewers = clustered ? Math.max(record.viewers, pool.viewers) : pool.viewers;
        return { record: { ...record, ...runtimeOf(pool), viewers }, pool, viewers };
      }
      // Nobody owns what every viewer has a connection of its own for.
      if (record.kind === 'direct' && record.owner === '' && record.state === 'idle' && record.viewers > 0) {
        return { record: { ...record, state: 'live' }, viewers: record.viewers };
      }
      // This process owns it by the records, but has no pool: it has ended since the last heartbeat.
      const over = record.owner === this.#options.nodeId && record.state !== 'failed';
      return over
        ? { record: { ...record, state: 'idle', viewers: 0 }, viewers: 0 }
        : { record, viewers: record.viewers };
    });
  }

  #clientOf(viewer: ViewerSnapshot): ClientRecord {
    return {
      id: viewer.clientId,
      streamId: viewer.streamId,
      node: this.#options.nodeId,
      ip: viewer.ip,
      userAgent: viewer.userAgent,
      ...(viewer.username !== undefined && { username: viewer.username }),
      connectedAtMs: viewer.connectedAt,
      lastActiveMs: viewer.lastActive,
      bytes: viewer.bytes,
      lagBytes: viewer.lagBytes,
      skips: viewer.skips,
      ...(viewer.segments !== undefined && { segments: viewer.segments }),
    };
  }

  async #pages<T>(
    page: { after?: string | undefined; limit?: number | undefined },
    read: (query: { after?: string; limit: number }) => Promise<{ items: T[]; next?: string }>,
  ): Promise<{ items: T[]; next?: string }> {
    const most = page.limit ?? MAX_LISTED;
    const items: T[] = [];
    let next = page.after;
    do {
      const limit = Math.min(PAGE, most - items.length);
      const part = await read({ limit, ...(next !== undefined && { after: next }) });
      items.push(...part.items);
      next = part.next;
    } while (next !== undefined && items.length < most);
    return { items, ...(next !== undefined && { next }) };
  }
}

function placeOf({ streamId, id }: ClientRecord): string {
  return `${streamId}:${id}`;
}

/** A stream has several pools where viewers per pool are limited: shown as one, the first with the sums of all. */
function poolsByStream(pools: readonly PoolSnapshot[]): Map<string, PoolSnapshot> {
  const byStream = new Map<string, PoolSnapshot>();
  for (const pool of pools) {
    const first = byStream.get(pool.streamId);
    byStream.set(
      pool.streamId,
      first === undefined
        ? pool
        : {
            ...first,
            viewers: first.viewers + pool.viewers,
            bytesIn: first.bytesIn + pool.bytesIn,
            bytesOut: first.bytesOut + pool.bytesOut,
            restarts: first.restarts + pool.restarts,
            ...((first.segmentsOut ?? pool.segmentsOut) !== undefined && {
              segmentsOut: (first.segmentsOut ?? 0) + (pool.segmentsOut ?? 0),
            }),
            ringBytes: first.ringBytes + pool.ringBytes,
            lastAccess: Math.max(first.lastAccess, pool.lastAccess),
          },
    );
  }
  return byStream;
}

function runtimeOf(pool: PoolSnapshot): Partial<StreamRecord> {
  return {
    state: pool.state,
    viewers: pool.viewers,
    failoverIndex: pool.failoverIndex,
    failoverAttempts: pool.failoverAttempts,
    lastAccessMs: pool.lastAccess,
    ...(pool.pid !== undefined && { ffmpegPid: pool.pid }),
    ...(pool.fps !== undefined && { fps: pool.fps }),
    ...(pool.speed !== undefined && { speed: pool.speed }),
    ...(pool.bitrateKbps !== undefined && { bitrateKbps: pool.bitrateKbps }),
    ...(pool.lastError !== undefined && { lastError: pool.lastError }),
  };
}

import type { ClientRecord, Heartbeat } from '@streampool/state';
import type { ViewerSnapshot } from '@streampool/streaming';
import type { StoreTime } from './store-time.ts';

export interface ClientRecordsOptions {
  /** Id of this node, which holds the sockets. */
  readonly node: string;
  readonly time: StoreTime;
  /** A record that has not changed is said again after this long, so that it does not expire; ms. */
  readonly repeatMs: number;
  /** The most farewells that wait while the state is away; older ones are dropped, those records expire by themselves. */
  readonly mostGone: number;
}

/** What was last said of somebody. */
interface Sent {
  readonly bytes: number;
  readonly lagBytes: number;
  readonly skips: number;
  readonly atMs: number;
}

/** What one beat says of the viewers here. Give it back with `sent` once the store has taken it. */
export interface ClientBatch {
  readonly clients: readonly ViewerSnapshot[];
  readonly gone: readonly Farewell[];
}

interface Farewell {
  readonly streamId: string;
  readonly clientId: string;
}

/** Which of this node's viewers the store knows, and what it has yet to be told of them. */
export class ClientRecords {
  readonly #options: ClientRecordsOptions;
  /** Everybody who is here, and what was last said of them. */
  readonly #here = new Map<string, { readonly streamId: string; sent?: Sent }>();
  /** Come since the last beat; the newest snapshot counts. */
  readonly #come = new Map<string, ViewerSnapshot>();
  readonly #gone = new Map<string, Farewell>();
  #droppedFarewells = 0;

  constructor(options: ClientRecordsOptions) {
    this.#options = options;
  }

  /** Farewells that were never said. */
  get droppedFarewells(): number {
    return this.#droppedFarewells;
  }

  /** True when the store has yet to be told of somebody who came or went. */
  get hasNews(): boolean {
    return this.#come.size > 0 || this.#gone.size > 0;
  }

  attached(viewer: ViewerSnapshot): void {
    const key = keyOf(viewer);
    // Back under the same id before the store heard of the going: the same record goes on.
    this.#gone.delete(key);
    this.#here.set(key, { streamId: viewer.streamId });
    this.#come.set(key, viewer);
  }

  detached({ streamId, clientId }: Farewell): void {
    const key = keyOf({ streamId, clientId });
    if (!this.#here.delete(key)) return;
    // Said even of somebody who was never announced: a beat under way may be doing that right now.
    this.#come.delete(key);
    this.#gone.set(key, { streamId, clientId });
    if (this.#gone.size <= this.#options.mostGone) return;
    const [oldest] = this.#gone.keys();
    this.#gone.delete(oldest as string);
    this.#droppedFarewells += 1;
  }

  /** The store did not know those streams: the next full beat mentions their viewers again. */
  forgetSent(streamIds: ReadonlySet<string>): void {
    for (const entry of this.#here.values()) {
      if (streamIds.has(entry.streamId)) delete entry.sent;
    }
  }

  /** The store has lost its memory: the next telling of everybody mentions them all. */
  forgetAllSent(): void {
    for (const entry of this.#here.values()) delete entry.sent;
  }

  /** What to say now. `all`: everybody who is here, for a beat that also tells of progress. */
  batch(nowMs: number, all?: readonly ViewerSnapshot[]): ClientBatch {
    const clients = new Map(this.#come);
    for (const viewer of all ?? []) {
      if (this.#isWorthSaying(viewer, nowMs)) clients.set(keyOf(viewer), viewer);
    }
    return { clients: [...clients.values()], gone: [...this.#gone.values()] };
  }

  /** The store has taken the batch. What changed in the meantime stays to be said. */
  sent(batch: ClientBatch, nowMs: number): void {
    for (const viewer of batch.clients) {
      const key = keyOf(viewer);
      if (this.#come.get(key) === viewer) this.#come.delete(key);
      const entry = this.#here.get(key);
      if (entry) entry.sent = { ...figuresOf(viewer), atMs: nowMs };
    }
    for (const farewell of batch.gone) {
      const key = keyOf(farewell);
      if (this.#gone.get(key) === farewell) this.#gone.delete(key);
    }
  }

  toBeat({ clients, gone }: ClientBatch): Pick<Heartbeat, 'clients' | 'gone'> {
    return { clients: clients.map((viewer) => this.#toRecord(viewer)), gone };
  }

  #isWorthSaying(viewer: ViewerSnapshot, nowMs: number): boolean {
    const sent = this.#here.get(keyOf(viewer))?.sent;
    return (
      sent === undefined ||
      sent.bytes !== viewer.bytes ||
      sent.lagBytes !== viewer.lagBytes ||
      sent.skips !== viewer.skips ||
      nowMs - sent.atMs >= this.#options.repeatMs
    );
  }

  #toRecord(viewer: ViewerSnapshot): ClientRecord {
    const { time, node } = this.#options;
    return {
      id: viewer.clientId,
      streamId: viewer.streamId,
      node,
      ip: viewer.ip,
      userAgent: viewer.userAgent,
      ...(viewer.username !== undefined && { username: viewer.username }),
      connectedAtMs: time.from(viewer.connectedAt),
      lastActiveMs: time.from(viewer.lastActive),
      ...figuresOf(viewer),
    };
  }
}

function figuresOf({ bytes, lagBytes, skips, segments }: ViewerSnapshot) {
  return { bytes, lagBytes, skips, ...(segments !== undefined && { segments }) };
}

function keyOf({ streamId, clientId }: Farewell): string {
  return `${streamId}:${clientId}`;
}

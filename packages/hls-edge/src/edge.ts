import { StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsRequest } from '@streampool/hls';
import {
  type DetachReason,
  type Dismissal,
  type EmitEngineEvent,
  type FailoverResult,
  type PoolSnapshot,
  type RemotePlacement,
  type StreamCarrier,
  systemClock,
  type ViewerSnapshot,
} from '@streampool/streaming';
import { HlsAudience, type HlsViewer } from './audience/audience.ts';
import { EdgeCache } from './body/edge-cache.ts';
import { type CacheOutcome, EdgeStream, type Served } from './edge-stream.ts';
import type { HlsEdgeOptions, HlsStream } from './options.ts';
import { OwnerClient } from './owner/owner-client.ts';

const CONNECT_MS = 1_000;
/** What an owner may take beyond its own patience with the source; ms. */
const ANSWER_GRACE_MS = 500;
/** How often streams that nobody asks for any more are looked for; ms. */
const LOOK_EVERY_MS = 5_000;

/** Of the edge of one process. */
export interface EdgeFigures {
  readonly cacheBytes: number;
  readonly cacheEntries: number;
  readonly streams: number;
  /** Requests by what they were for and where the answer was, since the start. */
  readonly requests: ReadonlyMap<HlsAnswer['kind'], ReadonlyMap<CacheOutcome, number>>;
}

/**
 * HLS at one node: answers whatever is asked of any stream, from this node's origin where it owns the stream, else from the
 * owner, and knows who watches. To the engine it is a carrier: its viewers and streams are in all records.
 */
export class HlsEdge implements StreamCarrier {
  readonly audience: HlsAudience;
  readonly #options: HlsEdgeOptions;
  readonly #streams = new Map<string, EdgeStream>();
  /** When a stream was first asked for, and last; and what has been sent to its viewers. */
  readonly #books = new Map<
    string,
    { startedAt: number; lastAccess: number; bytesOut: number; segmentsOut: number }
  >();
  readonly #requests = new Map<HlsAnswer['kind'], Map<CacheOutcome, number>>();
  readonly #stopListeners = new Set<(streamId: string) => void>();
  readonly #cache: EdgeCache;
  readonly #client: OwnerClient | undefined;
  readonly #emit: EmitEngineEvent;
  #cancelLook: (() => void) | undefined;
  #closed = false;

  constructor(options: HlsEdgeOptions) {
    this.#options = options;
    const { settings, cluster, clock = systemClock } = options;
    this.#emit = options.engine.adopt(this);
    this.#cache = new EdgeCache({ budgetBytes: settings.cacheBytes, now: () => clock.now() });
    this.audience = new HlsAudience({
      clock,
      silenceMs: settings.viewerSilenceMs,
      emit: (event, ...args) => this.#emit(event, ...args),
      onChange: (streamId) => this.#note(streamId),
    });
    this.#client =
      cluster &&
      new OwnerClient({
        node: cluster.node,
        token: cluster.token,
        connectMs: CONNECT_MS,
        stallMs: settings.stallMs,
        answerMs: settings.startTimeoutMs + ANSWER_GRACE_MS,
        clock,
      });
  }

  /** `listener` is told of every stream that is stopped by request, before its viewers end. */
  onStop(listener: (streamId: string) => void): void {
    this.#stopListeners.add(listener);
  }

  /** Tells listeners of the engine what happened to an origin of this node. */
  get emit(): EmitEngineEvent {
    return this.#emit;
  }

  /**
   * Answers a viewer of this node. `signal`: the viewer has left.
   * @throws StreampoolError NOT_FOUND, UPSTREAM_*, STREAM_*, CAPACITY_EXHAUSTED, NODE_UNREACHABLE, SHUTTING_DOWN
   */
  async answer(stream: HlsStream, request: HlsRequest, signal: AbortSignal): Promise<Served> {
    const served = await this.#streamOf(stream).serve(request, signal);
    this.#count(served);
    return served;
  }

  /** A playlist of a stream that is being asked for, if it is here and still good: nobody is asked, and nothing waited for. */
  current(streamId: string, request: HlsRequest): HlsAnswer | undefined {
    const served = this.#streams.get(streamId)?.current(request);
    if (!served) return undefined;
    this.#note(streamId);
    this.#count(served);
    return served.answer;
  }

  /** Answers another node, which takes this one for the owner. See {@link EdgeStream.serveNode}; SHUTTING_DOWN. */
  async answerNode(
    stream: HlsStream,
    request: HlsRequest,
    asking: { node: string; deposes?: number; signal: AbortSignal },
  ): Promise<{ answer: HlsAnswer; epoch: number }> {
    return this.#streamOf(stream).serveNode(request, asking);
  }

  /**
   * Another node has this of a former owner of the stream, and takes this one for the next: players shall find it here, too.
   * False: they will not. @throws StreampoolError NOT_FOUND, SHUTTING_DOWN
   */
  inherit(stream: HlsStream, request: HlsRequest, answer: HlsAnswer): boolean {
    return this.#streamOf(stream).inherit(request, answer);
  }

  /** This many bytes have gone out to that viewer. */
  sent(viewer: Pick<HlsViewer, 'streamId' | 'clientId'>, bytes: number): void {
    this.audience.sent(viewer, bytes);
    const book = this.#books.get(viewer.streamId);
    if (book) book.bytesOut += bytes;
  }

  /** All of a segment, or of a part of one, has gone out to that viewer. */
  served(viewer: Pick<HlsViewer, 'streamId' | 'clientId'>): void {
    this.audience.served(viewer);
    const book = this.#books.get(viewer.streamId);
    if (book) book.segmentsOut += 1;
  }

  figures(): EdgeFigures {
    return {
      cacheBytes: this.#cache.bytes,
      cacheEntries: this.#cache.size,
      streams: this.#streams.size,
      requests: this.#requests,
    };
  }

  pools(streamId?: string): PoolSnapshot[] {
    if (streamId !== undefined) {
      const one = this.#snapshot(streamId);
      return one ? [one] : [];
    }
    const ids = new Set([...this.#streams.keys(), ...this.audience.streamIds]);
    return [...ids].flatMap((id) => this.#snapshot(id) ?? []);
  }

  viewers(streamId?: string): ViewerSnapshot[] {
    return this.audience.viewers(streamId);
  }

  waiting(streamId: string): HlsViewer[] {
    return this.audience.waiting(streamId);
  }

  disconnect(clientId: string, how: Dismissal = {}): boolean {
    return this.audience.disconnect(clientId, how);
  }

  async stop(streamId: string, reason: DetachReason): Promise<number> {
    for (const listener of this.#stopListeners) listener(streamId);
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    const viewers = this.audience.end(streamId, reason);
    await stream?.close();
    return viewers;
  }

  async failover(streamId: string, index?: number): Promise<FailoverResult | undefined> {
    return this.#streams.get(streamId)?.source?.failover(index === undefined ? {} : { index });
  }

  follow(streamId: string, epoch: number): void {
    this.#streams.get(streamId)?.follow(epoch);
  }

  async handOver(streamId: string, place: RemotePlacement): Promise<void> {
    await this.#streams.get(streamId)?.handOver(place);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook?.();
    this.audience.close();
    this.#client?.close();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    await Promise.all(streams.map((stream) => stream.close()));
  }

  /** @throws StreampoolError SHUTTING_DOWN: what would be opened now nobody would close */
  #streamOf(stream: HlsStream): EdgeStream {
    if (this.#closed)
      throw new StreampoolError('SHUTTING_DOWN', 'This node is shutting down', { retryAfterSeconds: 1 });
    const { id } = stream.spec;
    this.#note(id);
    const known = this.#streams.get(id);
    if (known) {
      known.update(stream);
      return known;
    }
    const { open, settings, log, cluster, clock = systemClock } = this.#options;
    const client = this.#client;
    const created = new EdgeStream({
      ...{ stream, open, settings, log, clock, cache: this.#cache },
      ...(cluster && client && { cluster: { ownership: cluster.ownership, client } }),
    });
    this.#streams.set(id, created);
    this.#cancelLook ??= clock.after(LOOK_EVERY_MS, () => this.#look());
    return created;
  }

  #count({ answer: { kind }, cache }: Served): void {
    const counts = this.#requests.get(kind) ?? new Map<CacheOutcome, number>();
    this.#requests.set(kind, counts);
    counts.set(cache, (counts.get(cache) ?? 0) + 1);
  }

  #note(streamId: string): void {
    const now = (this.#options.clock ?? systemClock).wallNow();
    const book = this.#books.get(streamId);
    if (book) book.lastAccess = now;
    else if (!this.#closed)
      this.#books.set(streamId, { startedAt: now, lastAccess: now, bytesOut: 0, segmentsOut: 0 });
  }

  #look(): void {
    for (const [id, stream] of this.#streams) {
      if (!stream.isIdle || this.audience.count(id) > 0) continue;
      this.#streams.delete(id);
      void stream.close();
    }
    for (const id of this.#books.keys())
      if (!this.#streams.has(id) && this.audience.count(id) === 0) this.#books.delete(id);
    this.#cancelLook = undefined;
    if (this.#books.size > 0 && !this.#closed) {
      const { clock = systemClock } = this.#options;
      this.#cancelLook = clock.after(LOOK_EVERY_MS, () => this.#look());
    }
  }

  /** Undefined where there is nothing of it to tell. */
  #snapshot(id: string): PoolSnapshot | undefined {
    const stream = this.#streams.get(id);
    const viewers = this.audience.count(id);
    const relays = stream?.nodes ?? 0;
    const book = this.#books.get(id);
    const own = stream?.source?.snapshot();
    const shared = {
      viewers,
      bytesOut: book?.bytesOut ?? 0,
      segmentsOut: book?.segmentsOut ?? 0,
      lastAccess: book?.lastAccess ?? 0,
      ...(book && { carried: { bytesOut: book.bytesOut, since: book.startedAt } }),
      ...(relays > 0 && { relays }),
      ...(stream && { ownerEpoch: stream.epoch }),
    };
    if (own) return { ...own, ...shared };
    // What the last viewer was sent is told for as long as it is known: figures are taken when somebody leaves, and a snapshot
    // that comes and goes with viewers would be counted from its beginning again.
    if (viewers + relays === 0 && !book?.bytesOut) return undefined;
    const kind = stream?.stream.spec.kind === 'transcode' ? 'transcode' : 'shared';
    const metadata = stream?.stream.spec.metadata;
    return {
      ...{ streamId: id, kind, state: viewers + relays > 0 ? 'live' : 'idle' },
      ...{ relayed: true, isCarriedOnly: true, bytesIn: 0, ringBytes: 0 },
      ...{ failoverIndex: 0, failoverAttempts: 0, restarts: 0 },
      ...(metadata && { metadata }),
      ...(book && { startedAt: book.startedAt }),
      ...shared,
    };
  }
}

import type { NewEvent, NodeEvent, Presence } from '@streampool/state';
import type { DetachReason, EngineEvents, PoolSnapshot, ViewerSnapshot } from '@streampool/streaming';

/** Events of this node that the store has yet to be told of: the newest, within a budget. */
export class EventLog {
  readonly #most: number;
  readonly #complete: (event: NodeEvent) => NodeEvent;
  #pending: NodeEvent[] = [];
  #dropped = 0;
  /** Skips since the last full beat, by viewer: one event each, however often it fell behind. */
  readonly #skips = new Map<string, { streamId: string; clientId: string; skips: number; bytes: number }>();

  /** `complete`: adds what is known of the event's stream, now that it has happened. */
  constructor(most: number, complete = (event: NodeEvent): NodeEvent => event) {
    this.#most = most;
    this.#complete = complete;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get pending(): number {
    return this.#pending.length;
  }

  add(event: NodeEvent): void {
    this.#pending.push(this.#complete(event));
    if (this.#pending.length <= this.#most) return;
    this.#pending.shift();
    this.#dropped += 1;
  }

  skipped({ streamId, clientId, bytesSkipped }: EngineEvents['viewer_skipped'][0]): void {
    const key = `${streamId}:${clientId}`;
    const sum = this.#skips.get(key);
    if (sum) {
      sum.skips += 1;
      sum.bytes += bytesSkipped;
    } else if (this.#skips.size < this.#most) {
      this.#skips.set(key, { streamId, clientId, skips: 1, bytes: bytesSkipped });
    } else this.#dropped += 1;
  }

  /** Turns the skips so far into events. */
  foldSkips(): void {
    for (const { streamId, clientId, skips, bytes } of this.#skips.values()) {
      this.add({ type: 'viewer_skipped', streamId, data: { clientId, skips, bytesSkipped: bytes } });
    }
    this.#skips.clear();
  }

  /** The oldest that wait, at most `limit`. */
  batch(limit: number): readonly NodeEvent[] {
    return this.#pending.slice(0, limit);
  }

  /** The store has taken the batch; what was dropped meanwhile is not there any more. */
  sent(batch: readonly NodeEvent[]): void {
    const taken = new Set(batch);
    this.#pending = this.#pending.filter((event) => !taken.has(event));
  }
}

export function poolEvent(
  change: EngineEvents['pool_state'][0],
  snapshot: PoolSnapshot | undefined,
): NewEvent | undefined {
  const { streamId, to, reason, pid } = change;
  const data = {
    reason,
    ...(snapshot && { kind: snapshot.kind }),
    ...(pid !== undefined && { pid }),
  };
  if (to === 'live') return { type: 'stream_started', streamId, data };
  if (to === 'stopped') return { type: 'stream_stopped', streamId, data };
  if (to !== 'failed') return undefined;
  const error = snapshot?.lastError;
  return { type: 'stream_failed', streamId, data: { ...data, ...(error !== undefined && { error }) } };
}

export function switchEvent(info: EngineEvents['source_switched'][0], lastFailoverIndex: number): NewEvent {
  const { streamId, clientId, reason, failoverIndex, urls = [] } = info;
  const gapMs = Math.round(info.gapMs);
  const who = clientId === undefined ? {} : { clientId };
  if (failoverIndex === lastFailoverIndex)
    return { type: 'source_switched', streamId, data: { ...who, reason, gapMs, failoverIndex } };
  const [oldUrl, newUrl] = [urls[lastFailoverIndex], urls[failoverIndex]];
  return {
    type: 'failover_triggered',
    streamId,
    data: {
      ...{ ...who, reason, gapMs, oldIndex: lastFailoverIndex, failoverIndex },
      // The store keeps no credentials of any URL.
      ...(oldUrl !== undefined && { oldUrl }),
      ...(newUrl !== undefined && { newUrl }),
    },
  };
}

export function attachEvent(viewer: ViewerSnapshot): NodeEvent {
  const { streamId, clientId, ip, userAgent, username } = viewer;
  const data = { clientId, ip, userAgent, ...(username !== undefined && { username }) };
  return { type: 'client_connected', streamId, data, ...presenceOf(viewer, 'came') };
}

export function detachEvent(viewer: ViewerSnapshot & { reason: DetachReason }, wallNow: number): NodeEvent {
  const { streamId, clientId, ip, username, reason, bytes, skips, connectedAt } = viewer;
  return {
    type: 'client_disconnected',
    streamId,
    data: {
      clientId,
      ip,
      ...(username !== undefined && { username }),
      reason,
      bytes,
      skips,
      durationMs: Math.max(0, Math.round(wallNow - connectedAt)),
    },
    ...presenceOf(viewer, reason === 'shutdown' ? 'moves' : 'went'),
  };
}

/** One that counts segments has no socket: other nodes may have it at the same time. One with a socket comes but once. */
function presenceOf(
  { clientId, connectedAt, segments }: ViewerSnapshot,
  does: Presence['does'],
): Pick<NodeEvent, 'presence'> {
  const hasSocket = segments === undefined;
  if (hasSocket && does === 'came') return {};
  return { presence: { clientId, does: hasSocket ? 'closed' : does, visit: String(connectedAt) } };
}

import type { ProgramMap } from '@streampool/mpegts';
import { openBareBody } from '@streampool/upstream';
import type { Clock } from './clock.ts';
import type { DeliveryClock } from './delivery-clock.ts';
import type { MeasuredViewer } from './drill/index.ts';
import type { DetachReason, StreamSpec, ViewerRequest, ViewerSnapshot } from './engine-api.ts';
import type { PoolEvents } from './pool-options.ts';
import type { Ring } from './ring.ts';
import { SocketViewer } from './socket-viewer.ts';

export interface PoolViewersOptions {
  readonly spec: Pick<StreamSpec, 'id' | 'contentType'>;
  readonly ring: Ring;
  readonly program: () => ProgramMap | undefined;
  readonly clientTimeoutMs: number;
  readonly clock: Clock;
  readonly delivery: DeliveryClock;
  readonly events: Pick<PoolEvents, 'viewer_attached' | 'viewer_detached' | 'viewer_skipped' | 'noted'>;
  /** One has left. */
  readonly onLeave: () => void;
}

interface Attached {
  readonly request: Omit<ViewerRequest, 'req' | 'res'>;
  readonly socketViewer: SocketViewer;
  readonly connectedAt: number;
}

/** The viewers of one pool whose sockets are being written to. */
export class PoolViewers {
  readonly #options: PoolViewersOptions;
  readonly #viewers = new Map<string, Attached>();
  #bytesOfFormer = 0;

  constructor(options: PoolViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** Sent to all, also to those who have left. */
  get bytes(): number {
    let sum = this.#bytesOfFormer;
    for (const { socketViewer } of this.#viewers.values()) sum += socketViewer.bytes;
    return sum;
  }

  has(clientId: string): boolean {
    return this.#viewers.has(clientId);
  }

  snapshots(): ViewerSnapshot[] {
    return [...this.#viewers.values()].map((attached) => this.#snapshot(attached));
  }

  /** For measuring what they get. */
  measured(): MeasuredViewer[] {
    return [...this.#viewers].map(([clientId, { socketViewer }]) => ({ clientId, socketViewer }));
  }

  /** Answers the viewer. False if it has gone. The ring must have an access point. */
  attach(viewer: ViewerRequest): boolean {
    const { spec, ring, program, clientTimeoutMs, clock, delivery, events } = this.#options;
    const { clientId, ip, userAgent, username, requestId } = viewer;
    const former = this.#viewers.get(clientId);
    if (former) {
      // The same player came back before its old connection was seen to end: the new one counts.
      former.socketViewer.end();
      this.#remove(clientId, 'kicked');
    }
    const socket = openBareBody(viewer.res, 200, {
      'Content-Type': spec.contentType,
      'Cache-Control': 'no-store',
    });
    if (!socket) return false;
    const socketViewer = new SocketViewer({
      ...{ ring, socket, clientTimeoutMs, program },
      now: () => clock.now(),
      onSkip: (bytesSkipped) => events.viewer_skipped({ clientId, bytesSkipped }),
      onBlocked: (blocked) => events.noted({ type: 'viewer_blocked', clientId, ...blocked }),
      onUnblocked: (blocked) => events.noted({ type: 'viewer_unblocked', clientId, ...blocked }),
      onLeave: (reason) => {
        if (this.#viewers.get(clientId)?.socketViewer !== socketViewer) return;
        this.#remove(clientId, reason);
        this.#options.onLeave();
      },
    });
    const attached: Attached = {
      request: { clientId, ip, userAgent, requestId, ...(username === undefined ? {} : { username }) },
      socketViewer,
      connectedAt: clock.wallNow(),
    };
    this.#viewers.set(clientId, attached);
    events.viewer_attached(this.#snapshot(attached));
    socketViewer.deliver(clock.now());
    if (!socketViewer.closed) delivery.add(socketViewer);
    return true;
  }

  /** Ends one. False if it is not here. */
  disconnect(clientId: string): boolean {
    const attached = this.#viewers.get(clientId);
    if (!attached) return false;
    attached.socketViewer.end();
    this.#remove(clientId, 'kicked');
    this.#options.onLeave();
    return true;
  }

  /** No more is to come: all get what is there, and of a complete stream (`ended`) everything. */
  end(reason: DetachReason): void {
    const { clock, delivery } = this.#options;
    for (const [clientId, { socketViewer }] of [...this.#viewers]) {
      socketViewer.deliver(clock.now());
      if (reason !== 'ended') socketViewer.end();
      this.#remove(clientId, reason);
      if (socketViewer.closed) continue;
      // Nobody shall miss the end of a complete stream.
      delivery.add(socketViewer);
      socketViewer.finish(clock.now(), () => delivery.remove(socketViewer));
    }
  }

  #remove(clientId: string, reason: DetachReason): void {
    const attached = this.#viewers.get(clientId);
    if (!attached) return;
    this.#viewers.delete(clientId);
    this.#options.delivery.remove(attached.socketViewer);
    this.#bytesOfFormer += attached.socketViewer.bytes;
    this.#options.events.viewer_detached({ ...this.#snapshot(attached), reason });
  }

  #snapshot({ request, socketViewer, connectedAt }: Attached): ViewerSnapshot {
    const { clock, spec } = this.#options;
    return {
      clientId: request.clientId,
      streamId: spec.id,
      ip: request.ip,
      userAgent: request.userAgent,
      connectedAt,
      lastActive: Math.round(clock.wallNow() - (clock.now() - socketViewer.progressMs)),
      bytes: socketViewer.bytes,
      lagBytes: socketViewer.lagBytes,
      skips: socketViewer.skips,
      ...(request.username === undefined ? {} : { username: request.username }),
    };
  }
}

import type { TimelineEntry } from '@streampool/state';

/** A viewer at a stream. Times by the store's clock. */
export interface Session {
  readonly streamId: string;
  /** That held its socket. */
  readonly node: string;
  readonly fromMs: number;
  /** Absent: it is still there. */
  readonly untilMs?: number;
  readonly userAgent?: string;
  /** It got no picture. */
  readonly isVain?: boolean;
  /** Its node did not say that it went. */
  readonly isLost?: boolean;
}

/** A viewer waits for its first picture before it counts as one; what happened then explains why it was slow. */
const BEFORE_MS = 10_000;
/** What a stream's owner notes a moment later than the viewer's node. */
const AFTER_MS = 500;

/** When and what a viewer watched, by what is known of its going, and what it watches now. The newest last. */
export function sessionsOf(own: readonly TimelineEntry[], present: readonly Session[]): Session[] {
  const past = own.flatMap(({ type, streamId, node, atMs, lastMs, data }): Session[] => {
    if (type === 'viewer_refused') return [{ streamId, node, fromMs: atMs, untilMs: lastMs, isVain: true }];
    if (type !== 'client_disconnected') return [];
    const { durationMs = 0, connectedAt, userAgent } = data;
    // Of a viewer that was lost it is known when it came, not how long it was there.
    const fromMs = typeof connectedAt === 'string' ? Date.parse(connectedAt) : atMs - Number(durationMs);
    return [
      {
        streamId,
        node,
        fromMs,
        untilMs: lastMs,
        ...(userAgent !== undefined && { userAgent: String(userAgent) }),
        isLost: data.reason === 'lost',
      },
    ];
  });
  const isSame = (a: Session, b: Session): boolean =>
    a.streamId === b.streamId && Math.abs(a.fromMs - b.fromMs) < 1_000;
  // One that was given up for lost may be back with its node; a record may outlive its viewer by the beat that tells of both.
  const over = past.filter((session) => !session.isLost || !present.some((other) => isSame(session, other)));
  const going = present.filter((session) => !over.some((other) => isSame(session, other)));
  return [...over, ...going].sort((a, b) => a.fromMs - b.fromMs);
}

/** The viewer's coming, which nobody notes: it follows from the session. */
export function attachment(session: Session, clientId: string): TimelineEntry | undefined {
  const { streamId, node, fromMs, userAgent, isVain } = session;
  if (isVain) return undefined;
  return {
    ...{
      type: 'client_connected',
      streamId,
      clientId,
      node,
      atMs: Math.round(fromMs),
      lastMs: Math.round(fromMs),
    },
    ...{ count: 1, data: userAgent === undefined ? {} : { userAgent } },
  };
}

/** True if what happened to a stream happened to a viewer in that session. */
export function touches(entry: TimelineEntry, session: Session): boolean {
  const { streamId, fromMs, untilMs = Number.POSITIVE_INFINITY, node } = session;
  if (entry.streamId !== streamId) return false;
  if (entry.lastMs < fromMs - BEFORE_MS || entry.atMs > untilMs + AFTER_MS) return false;
  // What happened to other viewers, or to this one, which has an entry of its own for it.
  if (/^(?:client|viewer)_/.test(entry.type) || entry.data.clientId !== undefined) return false;
  return entry.node === '' || entry.node === node || !isOfOneNode(entry);
}

/** Of how one node gets the stream from another: viewers of third nodes do not notice. */
function isOfOneNode({ data }: TimelineEntry): boolean {
  return /^(?:RELAY_LOST|OWNER_CHANGED|HANDED_OVER)$/.test(String(data.code ?? data.reason));
}

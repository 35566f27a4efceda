import type { StreamReport, StreamState } from '@streampool/state';
import type { PoolSnapshot, PoolState } from '@streampool/streaming';
import type { StoreTime } from './store-time.ts';

/** What is reported of a stream, in the engine's terms: times of this host, absent figures null. */
export interface StreamFigures {
  readonly state: StreamState;
  readonly ffmpegPid: number | null;
  readonly ffmpegStartTicks: number | null;
  readonly bitrateKbps: number | null;
  readonly fps: number | null;
  readonly speed: number | null;
  readonly failoverIndex: number;
  readonly failoverAttempts: number;
  readonly lastError: string | null;
  readonly lastAccess: number;
}

/** The state that says most about a stream with several pools (one more for every full one). */
const TELLING: readonly PoolState[] = [
  'live',
  'switching',
  'starting',
  'draining',
  'idle',
  'failed',
  'stopped',
];

export function isActive(state: PoolState): boolean {
  return state !== 'idle' && state !== 'stopped' && state !== 'failed';
}

/** One snapshot per stream: the pool that says most, with everybody's viewers and the newest access. */
export function byStream(snapshots: readonly PoolSnapshot[]): Map<string, PoolSnapshot> {
  const streams = new Map<string, PoolSnapshot>();
  for (const snapshot of snapshots) {
    const other = streams.get(snapshot.streamId);
    if (!other) {
      streams.set(snapshot.streamId, snapshot);
      continue;
    }
    const first = TELLING.indexOf(other.state) <= TELLING.indexOf(snapshot.state) ? other : snapshot;
    streams.set(snapshot.streamId, {
      ...first,
      viewers: other.viewers + snapshot.viewers,
      lastAccess: Math.max(other.lastAccess, snapshot.lastAccess),
    });
  }
  return streams;
}

export function figuresOf(
  snapshot: PoolSnapshot,
  startTicks: (pid: number) => number | undefined,
): StreamFigures {
  const pid = isActive(snapshot.state) ? (snapshot.pid ?? null) : null;
  return {
    state: snapshot.state,
    ffmpegPid: pid,
    ffmpegStartTicks: pid === null ? null : (startTicks(pid) ?? null),
    bitrateKbps: figure(snapshot.bitrateKbps),
    fps: figure(snapshot.fps),
    speed: figure(snapshot.speed),
    failoverIndex: snapshot.failoverIndex,
    failoverAttempts: snapshot.failoverAttempts,
    lastError: snapshot.lastError ?? null,
    lastAccess: snapshot.lastAccess,
  };
}

/** Rounded to what an operator reads, so that noise in the last digits is no change worth a write. */
function figure(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.round(value * 100) / 100;
}

/** Changes that somebody waits to see: they do not wait for the next full beat. */
export function isNews(now: StreamFigures, said: StreamFigures | undefined): boolean {
  return (
    said === undefined ||
    now.state !== said.state ||
    now.ffmpegPid !== said.ffmpegPid ||
    now.failoverIndex !== said.failoverIndex ||
    now.lastError !== said.lastError
  );
}

/** A report of what differs from what was said before; of everything when nothing was. */
export function reportOf(
  stream: { streamId: string; epoch: number },
  now: StreamFigures,
  said: StreamFigures | undefined,
  time: StoreTime,
): StreamReport {
  const { lastAccess, ...figures } = now;
  const { lastAccess: lastAccessSaid, ...figuresSaid } = said ?? {};
  const changed = Object.entries(figures).filter(
    ([name, value]) => said === undefined || value !== (figuresSaid as Record<string, unknown>)[name],
  );
  return {
    streamId: stream.streamId,
    epoch: stream.epoch,
    ...Object.fromEntries(changed),
    ...(lastAccess !== lastAccessSaid && { lastAccessMs: time.from(lastAccess) }),
  };
}

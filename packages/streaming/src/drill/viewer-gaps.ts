import type { DetachReason } from '../engine-api.ts';
import type { SocketViewer } from '../socket-viewer.ts';
import type { GapMeasurement, ViewerGaps } from './drill-api.ts';

export interface MeasuredViewer {
  readonly clientId: string;
  readonly socketViewer: Pick<SocketViewer, 'restartGap' | 'gapMs'>;
}

const DROPPED: ReadonlySet<DetachReason> = new Set(['failed', 'ended', 'stuck', 'stopped']);

/** Measures what the viewers that are there now get, until `take` is called. */
export function measureGaps(
  viewers: readonly MeasuredViewer[],
  {
    now,
    intervalMs,
    onDetached,
  }: {
    /** Monotonic ms. */
    readonly now: () => number;
    /** Every viewer waits as long for its turn. */
    readonly intervalMs: number;
    /** Subscribes to viewers that leave; returns how to stop. */
    readonly onDetached: (listener: (clientId: string, reason: DetachReason) => void) => () => void;
  },
): GapMeasurement {
  const there = new Set(viewers.map(({ clientId }) => clientId));
  const dropped = new Set<string>();
  const unsubscribe = onDetached((clientId, reason) => {
    if (there.has(clientId) && DROPPED.has(reason)) dropped.add(clientId);
  });
  const startedMs = now();
  for (const { socketViewer } of viewers) socketViewer.restartGap(startedMs);
  let taken: ViewerGaps | undefined;
  return {
    take() {
      unsubscribe();
      const endMs = now();
      taken ??= {
        gapsMs: viewers.map(({ socketViewer }) =>
          Math.max(0, Math.round(socketViewer.gapMs(endMs) - intervalMs)),
        ),
        dropped: dropped.size,
      };
      return taken;
    },
  };
}

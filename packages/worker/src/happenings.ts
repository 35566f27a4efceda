import type { EngineEvents, StreamEngineApi } from '@streampool/streaming';
import { detachEvent } from './event-log.ts';
import type { TimelineLog } from './timeline-log.ts';

export interface HappeningsOptions {
  readonly engine: Pick<StreamEngineApi, 'on' | 'pools'>;
  readonly log: TimelineLog;
  /** ms since the epoch. */
  readonly wallNow: () => number;
  /** Something happened to a stream: others should learn of it soon. */
  readonly onNews: () => void;
}

/**
 * Writes engine events into timelines: of the stream, of the viewer, or of both. A stream's timeline says how many viewers
 * something happened to; which ones their own say. (Starts and ends of streams come from `StreamLives`, which knows whose
 * they are.) Returns the removal of its listeners.
 */
export function recordHappenings({ engine, log, wallNow, onNews }: HappeningsOptions): () => void {
  /** Streams that were live, with the index of the URL that they were last told to play. */
  const playing = new Map<string, number>();

  const onPoolState = ({ streamId, to }: EngineEvents['pool_state'][0]): void => {
    const [pool] = engine.pools(streamId);
    // Once only: a pool that is live again has its next source already, and tells of the switch afterwards.
    if (to === 'live' && !playing.has(streamId)) playing.set(streamId, pool?.failoverIndex ?? 0);
    if (to === 'stopped' || to === 'failed') playing.delete(streamId);
  };

  const onSwitched = (info: EngineEvents['source_switched'][0]): void => {
    const { streamId, clientId, reason, failoverIndex } = info;
    const gapMs = Math.round(info.gapMs);
    if (clientId !== undefined) {
      // One of many viewers with a connection each: which URL another one plays says nothing of this one.
      const entry = { type: 'source_switched', streamId, data: { reason, gapMs, failoverIndex } } as const;
      log.add({ ...entry, clientId });
      log.add({ ...entry, data: { ...entry.data, clientId } });
      return;
    }
    const fromIndex = playing.get(streamId) ?? 0;
    if (playing.has(streamId)) playing.set(streamId, failoverIndex);
    const type = fromIndex === failoverIndex ? 'source_switched' : 'failover_triggered';
    log.add({ type, streamId, data: { reason, gapMs, failoverIndex, fromIndex } });
  };

  const onNoted = (info: EngineEvents['noted'][0]): void => {
    const { type, streamId, clientId, ...data } = info;
    if (clientId !== undefined) log.add({ type, streamId, clientId, data });
    if (type === 'viewer_unblocked') return;
    log.add(
      { type, streamId, data: clientId === undefined ? data : { ...data, clientId } },
      { isNews: true },
    );
    if (clientId === undefined) onNews();
  };

  const onDetached = (viewer: EngineEvents['viewer_detached'][0]): void => {
    const { type, streamId, data } = detachEvent(viewer, wallNow());
    const { reason, userAgent, clientId } = viewer;
    const { clientId: _own, ...own } = data;
    log.add({ type, streamId, clientId, data: { ...own, userAgent } });
    log.add({ type, streamId, data: { reason, clientId } });
  };

  const onSkipped = ({ streamId, clientId, bytesSkipped }: EngineEvents['viewer_skipped'][0]): void => {
    const data = { skips: 1, bytesSkipped };
    log.add({ type: 'viewer_skipped', streamId, clientId, data });
    log.add({ type: 'viewer_skipped', streamId, data: { ...data, clientId } });
  };

  const unlisten = [
    engine.on('pool_state', onPoolState),
    engine.on('source_switched', onSwitched),
    engine.on('noted', onNoted),
    // When a viewer came follows from its record, or from how long it was there: only its stream counts it.
    engine.on('viewer_attached', ({ streamId, clientId }) =>
      log.add({ type: 'client_connected', streamId, data: { clientId } }),
    ),
    engine.on('viewer_detached', onDetached),
    engine.on('viewer_skipped', onSkipped),
  ];
  return () => {
    for (const each of unlisten) each();
  };
}

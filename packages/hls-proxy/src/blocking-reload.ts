import type { Clock } from '@streampool/streaming';
import type { Rendition, RenditionLoad } from './playlist/rendition.ts';
import type { Awaited } from './source/playlist-loader.ts';
import type { SourceTurn } from './source/source-turn.ts';
import { within } from './within.ts';

export interface BlockingReloadOptions {
  readonly clock: Clock;
  /** The source that plays. */
  readonly current: () => SourceTurn | undefined;
  readonly refresh: (rendition: Rendition) => Promise<RenditionLoad>;
  readonly onLoad: (turn: SourceTurn, rendition: Rendition, load: RenditionLoad) => void;
  /** What was asked for is there. */
  readonly onHit: () => void;
}

/** How long a player waits at the most, in target durations. */
const WAIT_TARGETS = 3;

/** Requests for playlists that are answered when they have what is awaited. */
export class BlockingReload {
  readonly #options: BlockingReloadOptions;

  constructor(options: BlockingReloadOptions) {
    this.#options = options;
  }

  /**
   * A blocking reload (rfc8216bis §6.2.5.2): by the provider's own where it offers that, else by asking again. Resolves also
   * where what is awaited has not come in time. @throws StreampoolError as a refresh does; the signal's reason
   */
  async waitFor(rendition: Rendition, awaited: Awaited, signal: AbortSignal): Promise<void> {
    const { clock, current, refresh, onLoad, onHit } = this.#options;
    const { timeline } = rendition;
    const waitMs = WAIT_TARGETS * rendition.targetDurationMs;
    const deadline = clock.now() + waitMs;
    const newest = timeline.progress?.mediaSequence ?? 0;
    if (awaited.sequence > newest + 2 || timeline.has(awaited.sequence, awaited.part)) {
      onHit();
      return;
    }
    while (!timeline.has(awaited.sequence, awaited.part) && clock.now() < deadline) {
      signal.throwIfAborted();
      const turn = current();
      const { list } = timeline;
      const sequence = timeline.toProvider(awaited.sequence);
      if (turn?.connection.mayBlock && list?.canBlockReload && sequence >= 0) {
        const blocking = { awaited: { sequence, part: awaited.part }, waitMs };
        const load = rendition
          .load(turn, undefined, blocking)
          .then((loaded) => onLoad(turn, rendition, loaded));
        const isThere = await within(
          load.then(() => true),
          deadline - clock.now(),
          clock,
          signal,
        ).catch((error: unknown) => {
          if (signal.aborted) throw error;
          return false;
        });
        // A server that answers without it waits for nothing: it is asked as seldom as one that cannot.
        if (isThere && timeline.has(awaited.sequence, awaited.part)) return;
      }
      const pauseMs = Math.max(
        rendition.freshForMs(turn),
        (list?.partTargetMs ?? rendition.targetDurationMs) / 2,
        50,
      );
      await within(new Promise(() => {}), pauseMs, clock, signal);
      await within(refresh(rendition), waitMs, clock, signal);
    }
  }
}

/** What a request for a playlist waits for; undefined: nothing. */
export function awaitedBy(query: URLSearchParams): Awaited | undefined {
  const sequence = query.get('_HLS_msn');
  const part = query.get('_HLS_part');
  if (sequence === null || !/^\d{1,15}$/.test(sequence)) return undefined;
  return {
    sequence: Number(sequence),
    part: part !== null && /^\d{1,9}$/.test(part) ? Number(part) : undefined,
  };
}

import { StreampoolError } from '@streampool/errors';
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
/** How far ahead of the newest segment a player may ask (rfc8216bis §6.2.5.2). */
const AHEAD = 2;

/** Requests for playlists that are answered when they have what is awaited. */
export class BlockingReload {
  readonly #options: BlockingReloadOptions;

  constructor(options: BlockingReloadOptions) {
    this.#options = options;
  }

  /**
   * A blocking reload (rfc8216bis §6.2.5.2): by the provider's own where it offers that, else by asking again. Resolves also
   * where what is awaited has not come in time. `known`: the newest segment that players have seen, at whichever node.
   * @throws StreampoolError INVALID_REQUEST, of what is too far ahead; as a refresh does; the signal's reason
   */
  async waitFor(rendition: Rendition, awaited: Awaited, signal: AbortSignal, known = 0): Promise<void> {
    const { clock, current, refresh, onLoad, onHit } = this.#options;
    const { timeline } = rendition;
    const waitMs = WAIT_TARGETS * rendition.targetDurationMs;
    const deadline = clock.now() + waitMs;
    const isAhead = (newest = timeline.progress?.mediaSequence ?? 0): boolean =>
      awaited.sequence > newest + AHEAD;
    // The list may be an old one, and the player have its number from another.
    if (isAhead() && rendition.freshForMs(current()) <= 0)
      await within(refresh(rendition), waitMs, clock, signal).catch(() => signal.throwIfAborted());
    if (isAhead() && isAhead(known) && timeline.list?.canBlockReload && !timeline.list.isEnded)
      throw new StreampoolError('INVALID_REQUEST', `segment ${awaited.sequence} is too far ahead`);
    if (isAhead() || timeline.has(awaited.sequence, awaited.part)) {
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

/**
 * What a request for a playlist waits for; undefined: nothing. `canBlock`: the playlist offers it; elsewhere directives that make
 * no sense mean nothing. @throws StreampoolError INVALID_REQUEST
 */
export function awaitedBy(query: URLSearchParams, { canBlock }: { canBlock: boolean }): Awaited | undefined {
  const sequence = query.get('_HLS_msn');
  const part = query.get('_HLS_part');
  if (sequence === null && part === null) return undefined;
  const isSense = /^\d{1,15}$/.test(sequence ?? '') && /^\d{1,9}$/.test(part ?? '0');
  if (isSense) return { sequence: Number(sequence), part: part === null ? undefined : Number(part) };
  if (!canBlock) return undefined;
  throw new StreampoolError('INVALID_REQUEST', '_HLS_msn is a number, and _HLS_part one that needs it');
}

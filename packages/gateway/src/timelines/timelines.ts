import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterState, TimelineEntry, TimelineSubject } from '@streampool/state';
import type { StreamEngineApi } from '@streampool/streaming';
import type { Recall } from '../options.ts';
import { attachment, type Session, sessionsOf, touches } from './sessions.ts';

export interface TimelinesOptions {
  readonly state: Pick<ClusterState, 'readTimeline' | 'getStream' | 'getClient'>;
  readonly engine: Pick<StreamEngineApi, 'viewers'>;
  readonly nodeId: string;
  /** What this node saw itself; absent: nothing but the state knows anything. */
  readonly recall?: Recall;
}

export interface Timeline {
  /** Oldest first. */
  readonly entries: readonly TimelineEntry[];
  /** False: the state is away, and this is what one node remembers. */
  readonly complete: boolean;
}

/** A viewer's last sessions that are explained: a player that zaps has a new one every few seconds. */
const MOST_SESSIONS = 20;

/** Puts together what the state keeps and what this node has not told it yet. */
export class Timelines {
  readonly #options: TimelinesOptions;

  constructor(options: TimelinesOptions) {
    this.#options = options;
  }

  /** Undefined if nobody knows the stream, not even that it was there within the last hour. */
  async ofStream(streamId: string): Promise<Timeline | undefined> {
    const timeline = await this.#read({ streamId });
    if (timeline.entries.length > 0) return timeline;
    return (await this.#options.state.getStream(streamId)) && timeline;
  }

  /**
   * What happened to a viewer, and to its streams while it watched them (or waited for their pictures). Undefined for one
   * that nobody knows.
   */
  async ofClient(clientId: string): Promise<Timeline | undefined> {
    const [own, present] = await Promise.all([this.#read({ clientId }), this.#present(clientId)]);
    if (own.entries.length === 0 && present.length === 0) {
      if (own.complete) return undefined;
      // That this node does not know the viewer does not mean that nobody does.
      throw new StreampoolError(
        'STATE_UNAVAILABLE',
        'The state is away, and this node does not know the viewer',
        {
          retryAfterSeconds: 1,
        },
      );
    }
    const sessions = sessionsOf(own.entries, present).slice(-MOST_SESSIONS);
    const streamIds = [...new Set(sessions.map(({ streamId }) => streamId))];
    const streams = await Promise.all(streamIds.map((streamId) => this.#read({ streamId })));
    const around = streams
      .flatMap(({ entries }) => entries)
      .filter((entry) => sessions.some((session) => touches(entry, session)));
    const came = sessions.flatMap((session) => attachment(session, clientId) ?? []);
    return {
      entries: [...came, ...around, ...own.entries].sort((a, b) => a.atMs - b.atMs),
      complete: own.complete && streams.every(({ complete }) => complete),
    };
  }

  async #read(subject: TimelineSubject): Promise<Timeline> {
    const { state, recall } = this.#options;
    try {
      const kept = await state.readTimeline(subject);
      const entries = [...kept, ...(recall?.(subject) ?? [])].sort((a, b) => a.atMs - b.atMs);
      return { entries, complete: true };
    } catch (error) {
      if (!recall || !isStreampoolError(error, 'STATE_UNAVAILABLE')) throw error;
      return { entries: recall(subject, { all: true }), complete: false };
    }
  }

  /** What the viewer watches now. */
  async #present(clientId: string): Promise<Session[]> {
    const { state, engine, nodeId } = this.#options;
    const here = engine.viewers().filter((viewer) => viewer.clientId === clientId);
    const known = here.map(
      ({ streamId, connectedAt, userAgent }): Session => ({
        ...{ streamId, node: nodeId, fromMs: connectedAt, userAgent },
      }),
    );
    const record = await state.getClient(clientId).catch((error: unknown) => {
      if (isStreampoolError(error, 'STATE_UNAVAILABLE')) return undefined;
      throw error;
    });
    if (!record) return known;
    // What the state says is in the state's time.
    const others = known.filter(({ streamId }) => streamId !== record.streamId);
    if (record.node === nodeId && others.length === known.length) return known;
    const { streamId, node, connectedAtMs: fromMs, userAgent } = record;
    return [...others, { streamId, node, fromMs, userAgent }];
  }
}

import { randomUUID } from 'node:crypto';
import { type EventFeed, type HeardEvents, labelsOf } from '@streampool/events';
import type { Task, TaskQueue } from '@streampool/jobs';
import type { ClusterState } from '@streampool/state';
import type { Logger } from 'pino';
import { type Delivery, deliveryId } from './delivery.ts';
import { concerns, isMeant } from './matching.ts';
import { MetadataMemory } from './metadata-memory.ts';
import { Progress } from './progress.ts';

export interface DispatcherOptions {
  readonly state: Pick<ClusterState, 'takeDispatch' | 'leaveDispatch' | 'listWebhooks' | 'getStream'>;
  readonly feed: Pick<EventFeed, 'listen'>;
  readonly queue: Pick<TaskQueue<Delivery>, 'add'>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly node: string;
  /** Between two looks at whose turn it is, ms. */
  readonly intervalMs?: number;
  /** How long the turn is one's own, ms: after a node has died another one follows it then. */
  readonly leaseMs?: number;
  /** Batches of events whose deliveries are not safe yet; beyond that it waits. */
  readonly mostPending?: number;
}

export interface DispatcherFigures {
  /** Whether this process hands events on. */
  readonly dispatching: boolean;
  /** Of the newest event that was handed on: how long after it happened; ms. */
  readonly lagMs: number;
}

/** ms */
const RETRY_MS = 1_000;

/**
 * Hands events to the webhooks that want them, as deliveries in a queue. Of all processes one does it at a time (a lease in the
 * state); the next one goes on from where that one had come to. What both hand on has the same id and is delivered once.
 */
export class Dispatcher {
  readonly #options: Required<DispatcherOptions>;
  /** Names this life of the process. */
  readonly #by: string;
  readonly #metadata: MetadataMemory;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #run:
    | { readonly stop: AbortController; readonly progress: Progress; readonly ended: Promise<void> }
    | undefined;
  #lagMs = 0;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = { intervalMs: 2_000, leaseMs: 10_000, mostPending: 200, ...options };
    this.#by = `${options.node}/${randomUUID()}`;
    this.#metadata = new MetadataMemory(options.state);
  }

  start(): void {
    this.#look();
  }

  figures(): DispatcherFigures {
    return { dispatching: this.#run !== undefined, lagMs: this.#run ? this.#lagMs : 0 };
  }

  /** Leaves its turn to others at once. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
    const run = this.#run;
    await this.#stop();
    if (!run) return;
    const { state, leaseMs } = this.#options;
    try {
      await state.takeDispatch({ by: this.#by, leaseMs, reached: run.progress.reached });
      await state.leaveDispatch(this.#by);
    } catch {
      // The lease runs out by itself.
    }
  }

  #look(): void {
    this.#looking = this.#takeTurn().finally(() => {
      if (this.#closed) return;
      const pause = this.#options.intervalMs * (0.75 + Math.random() / 2);
      this.#timer = setTimeout(() => this.#look(), pause);
      this.#timer.unref();
    });
  }

  async #takeTurn(): Promise<void> {
    const { state, leaseMs, log } = this.#options;
    try {
      const reached = this.#run?.progress.reached;
      const turn = await state.takeDispatch({
        ...{ by: this.#by, leaseMs },
        ...(reached !== undefined && reached !== '' && { reached }),
      });
      if (turn.granted && !this.#run) {
        const stop = new AbortController();
        const progress = new Progress(turn.reached);
        this.#run = { stop, progress, ended: this.#dispatch(progress, stop.signal) };
      } else if (!turn.granted && this.#run) await this.#stop();
    } catch (error) {
      // It goes on with what it has: what somebody else hands on as well is the same delivery.
      if (!this.#run) return;
      log.warn({ err: error }, 'the right to serve webhooks could not be renewed');
    }
  }

  async #stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.stop.abort();
    await run?.ended;
  }

  async #dispatch(progress: Progress, signal: AbortSignal): Promise<void> {
    const { feed, log } = this.#options;
    let place = progress.reached;
    while (!signal.aborted) {
      try {
        for await (const heard of feed.listen({ after: place, signal })) {
          await this.#handOn(heard, progress, signal);
          place = heard.place;
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'events could not be handed to webhooks; trying again');
        await pause(RETRY_MS, signal);
      }
    }
  }

  async #handOn(
    { events, place, lost }: HeardEvents,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    const { state, log, mostPending } = this.#options;
    if (lost && progress.reached !== '')
      log.warn({ after: progress.reached }, 'events were lost to webhooks');
    if (events.length === 0) return;
    // After the events: whatever webhook was there before one of them is in the list.
    const webhooks = await state.listWebhooks();
    const tasks: Task<Delivery>[] = [];
    for (const event of events) {
      // What nobody wants to be told of costs no question to the state.
      if (!webhooks.some((webhook) => concerns(webhook, event))) continue;
      const metadata = labelsOf(event) ?? (await this.#rememberedOf(event.streamId));
      for (const webhook of webhooks) {
        if (!isMeant(webhook, event, metadata)) continue;
        const id = deliveryId(webhook.id, event.id);
        const data = { id, webhookId: webhook.id, event, ...(metadata && { metadata }) };
        tasks.push({ id, data, attempts: webhook.retryAttempts + 1 });
      }
    }
    while (progress.pending >= mostPending && !signal.aborted) await pause(50, signal);
    this.#lagMs = Math.max(0, Date.now() - (events.at(-1)?.atMs ?? Date.now()));
    // Not waited for: a queue in this process says so only when everything is delivered, and others need not wait for a slow receiver.
    void this.#secure(tasks, progress.begin(place), signal);
  }

  /** Of streams whose events come without labels. */
  async #rememberedOf(streamId: string): Promise<Readonly<Record<string, string>> | undefined> {
    return streamId === '' ? undefined : this.#metadata.of(streamId);
  }

  /** Tries until the queue has them, or somebody else has the turn. Never rejects. */
  async #secure(tasks: readonly Task<Delivery>[], safe: () => void, signal: AbortSignal): Promise<void> {
    const { queue, log } = this.#options;
    while (!signal.aborted) {
      try {
        await queue.add(tasks);
        safe();
        return;
      } catch (error) {
        log.warn({ err: error }, 'deliveries could not be queued; trying again');
        await pause(RETRY_MS, signal);
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

import type { ClusterState, WorkerRecord } from '@streampool/state';
import type { Clock, PoolSnapshot, StreamEngine } from '@streampool/streaming';
import type { Logger } from 'pino';
import { livingWorkers, place } from './placement.ts';
import { isActive } from './stream-reports.ts';
import type { Worker } from './worker.ts';

/** How often it looks what is left, ms. */
const LOOK_EVERY_MS = 200;
/** Streams whose new sources are made ready at the same time: each is an FFmpeg that starts. */
const MOST_AT_ONCE = 4;
/** Before a stream is offered again after somebody could not take it, ms. */
const RETRY_MS = 1_000;

export interface DrainOptions {
  readonly worker: Pick<Worker, 'id' | 'epochOf'>;
  readonly engine: Pick<StreamEngine, 'pools' | 'viewers' | 'handOver' | 'stop'>;
  readonly state: Pick<ClusterState, 'listWorkers'>;
  /** Of the store. */
  readonly leaseMs: number;
  /** After that it is over, whoever is still here. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * How a drain ended. `alone`: there is no other worker, so waiting would move nothing; `timeout`: it was given up;
 * `aborted`: nobody waits for it any more, or the worker is wanted again.
 */
export type DrainOutcome = 'empty' | 'alone' | 'timeout' | 'aborted';

interface Offer {
  readonly refusedBy: Set<string>;
  nextMs: number;
}

/**
 * Empties a worker that takes nothing new any more: it hands every stream that it plays over to another worker (whose pictures
 * take the place of its own, see `StreamEngine.handOver`), and waits until other nodes have changed over and its own viewers
 * have left. Viewers of direct streams, and those whose sockets are here, can only be waited for.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #offers = new Map<string, Offer>();
  readonly #underWay = new Set<string>();
  #isOver = false;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Resolves when nothing is left, waiting makes no sense, or `signal` is aborted. Never rejects. Call it once. */
  async run(signal?: AbortSignal): Promise<DrainOutcome> {
    const { clock, log, timeoutMs } = this.#options;
    const untilMs = clock.now() + timeoutMs;
    let outcome: DrainOutcome | undefined;
    while (!outcome) {
      if (signal?.aborted) outcome = 'aborted';
      else if (this.#isEmpty()) outcome = 'empty';
      else if (clock.now() >= untilMs) outcome = 'timeout';
      else outcome = await this.#step();
      if (!outcome) await new Promise<void>((resolve) => clock.after(LOOK_EVERY_MS, resolve));
    }
    this.#isOver = true;
    log.info({ outcome, ...this.#left() }, 'the drain has ended');
    return outcome;
  }

  async #step(): Promise<'alone' | undefined> {
    const others = await this.#others();
    if (others?.length === 0) return 'alone';
    const now = this.#options.clock.now();
    for (const { streamId, kind, viewers, relays = 0 } of this.#played()) {
      if (viewers + relays === 0) void this.#options.engine.stop(streamId);
      else if (this.#underWay.size < MOST_AT_ONCE && !this.#underWay.has(streamId)) {
        const offer = this.#offers.get(streamId) ?? { refusedBy: new Set(), nextMs: 0 };
        this.#offers.set(streamId, offer);
        if (offer.nextMs <= now) void this.#offer({ streamId, kind }, offer, others ?? []);
      }
    }
    return undefined;
  }

  /** Living workers but this one; undefined while the state cannot be asked. */
  async #others(): Promise<WorkerRecord[] | undefined> {
    const { state, worker, leaseMs } = this.#options;
    try {
      const all = await state.listWorkers();
      return livingWorkers(all, leaseMs).filter(({ id, status }) => id !== worker.id && status === 'ready');
    } catch {
      return undefined;
    }
  }

  async #offer(
    { streamId, kind }: Pick<PoolSnapshot, 'streamId' | 'kind'>,
    offer: Offer,
    others: readonly WorkerRecord[],
  ): Promise<void> {
    const { worker, engine, leaseMs, log } = this.#options;
    const successor = place(others, {
      streamId,
      needsEncoder: kind === 'transcode',
      leaseMs,
      isSuspect: ({ id }) => offer.refusedBy.has(id),
    });
    if (!successor) return;
    const epoch = worker.epochOf(streamId);
    const { id, url } = successor;
    this.#underWay.add(streamId);
    try {
      const deposes = epoch !== undefined && { deposes: epoch };
      await engine.handOver(streamId, { here: false, url, owner: id, epoch: epoch ?? 0, ...deposes });
      log.info({ streamId, to: id }, 'handed the stream over');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#isOver) log.warn({ streamId, to: id, reason }, 'the stream could not be handed over');
      offer.refusedBy.add(id);
      offer.nextMs = this.#options.clock.now() + RETRY_MS;
    } finally {
      this.#underWay.delete(streamId);
    }
  }

  /** Pools whose sources are here. */
  #played(): PoolSnapshot[] {
    return this.#options.engine
      .pools()
      .filter(({ kind, state, relayed }) => kind !== 'direct' && isActive(state) && !relayed);
  }

  #isEmpty(): boolean {
    const { viewers, played, relays } = this.#left();
    return viewers + played + relays === 0;
  }

  #left(): { viewers: number; played: number; relays: number } {
    const { engine } = this.#options;
    return {
      viewers: engine.viewers().length,
      played: this.#played().length,
      relays: engine.pools().reduce((sum, pool) => sum + (pool.relays ?? 0), 0),
    };
  }
}

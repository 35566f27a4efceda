import { isStreampoolError } from '@streampool/errors';
import type {
  Claim,
  Heartbeat,
  HeartbeatReply,
  TimelineEntry,
  TimelineSubject,
  WorkerStatus,
} from '@streampool/state';
import type { EngineEvents, PoolSnapshot, ViewerSnapshot } from '@streampool/streaming';
import { ClientRecords } from './client-records.ts';
import { ContestedStreams } from './contested-streams.ts';
import { attachEvent, detachEvent, EventLog, poolEvent, switchEvent } from './event-log.ts';
import { recordHappenings } from './happenings.ts';
import { Ownerships } from './ownerships.ts';
import { Pulse } from './pulse.ts';
import { Room } from './room.ts';
import type { HandOver } from './slots/slot-keeper.ts';
import { StoreTime } from './store-time.ts';
import { StreamLabels } from './stream-labels.ts';
import { StreamLives } from './stream-lives.ts';
import { StreamSync } from './stream-sync.ts';
import { TimelineLog } from './timeline-log.ts';
import type { WorkerFigures } from './worker-figures.ts';
import { type CompleteWorkerOptions, completeOptions, type WorkerOptions } from './worker-options.ts';

/** Events of one beat, and those that wait while the state is away. */
const EVENTS_PER_BEAT = 1_000;
const MOST_EVENTS = 5_000;
/** Enough to register and to tell all events that can wait. */
const MOST_LAST_BEATS = 2 + MOST_EVENTS / EVENTS_PER_BEAT;
const MOST_FAREWELLS = 20_000;
const ENTRIES_PER_BEAT = 500;
const MOST_ENTRIES = 5_000;

/**
 * A node of the cluster, beside its data plane: it registers, beats, owns the streams whose pools run here, and keeps the
 * records of its streams and viewers true. It only listens to the engine; nothing it meets (no state, a slow state, a
 * lost ownership) reaches the engine by itself, and what it has to tell waits within fixed budgets.
 */
export class Worker {
  readonly #options: CompleteWorkerOptions;
  readonly #time = new StoreTime();
  readonly #events: EventLog;
  readonly #labels: StreamLabels;
  readonly #timeline: TimelineLog;
  readonly #clients: ClientRecords;
  readonly #ownerships: Ownerships;
  readonly #room: Room;
  readonly #streams: StreamSync;
  readonly #lives: StreamLives;
  readonly #pulse: Pulse;
  readonly #startedAtMs: number;
  readonly #startTicks: number | undefined;
  readonly #unlisten: (() => void)[];
  /** Streams that were live, with the URL they play, so that a return to live is no start. */
  readonly #started = new Map<string, number>();
  #registered = false;
  /** Of the store's data, as the last reply named it. */
  #generation: string | undefined;
  #replaced = false;
  #ownershipsLost = 0;
  #draining = false;
  #status: WorkerStatus = 'ready';
  #clientsToldAt = Number.NEGATIVE_INFINITY;
  readonly #contested: ContestedStreams;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** Between the last two replies. */
  #silentMs = 0;
  #closed: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = completeOptions(options);
    const { id, host, state, engine, clock, random, startTicks } = this.#options;
    const { heartbeatMs, flushMs, clientTtlMs } = this.#options;
    this.#labels = new StreamLabels((streamId) => engine.pools(streamId));
    this.#events = new EventLog(MOST_EVENTS, (event) => this.#labels.on(event));
    this.#startedAtMs = Math.round(clock.wallNow());
    this.#startTicks = startTicks(process.pid);
    const wallNow = (): number => clock.wallNow();
    this.#timeline = new TimelineLog({
      ...{ node: id, time: this.#time, wallNow, mostPending: MOST_ENTRIES, mostRecent: MOST_ENTRIES },
    });
    this.#clients = new ClientRecords({
      node: id,
      time: this.#time,
      repeatMs: clientTtlMs / 3,
      mostGone: MOST_FAREWELLS,
    });
    this.#ownerships = new Ownerships({ state, worker: { id, host } });
    this.#room = new Room({
      capacity: this.#options.capacity,
      maxEncoders: this.#options.maxEncoders,
      owned: () => this.#ownerships.all(),
      pools: () => engine.pools(),
    });
    this.#lives = new StreamLives({
      mayOwn: this.#options.role === 'worker',
      ownership: (streamId) => this.#ownerships.get(streamId),
      tell: (event) => {
        this.#events.add(event);
        this.#timeline.add(event);
      },
    });
    this.#streams = new StreamSync({
      engine,
      state,
      ownerships: this.#ownerships,
      time: this.#time,
      workerId: id,
      now: () => clock.now(),
      startTicks,
      mayOwn: this.#options.role === 'worker',
      onLost: (streamId, by) => this.#onLost(streamId, by),
      onOthers: (streamId) => this.#lives.lost(streamId),
      onRemoved: (streamId) => this.#call('onStreamRemoved', streamId),
    });
    this.#contested = new ContestedStreams({ now: () => clock.now() });
    this.#pulse = new Pulse({
      clock,
      random,
      intervalMs: heartbeatMs,
      soonMs: flushMs,
      beat: (full) => this.#beat(full),
    });
    this.#unlisten = [
      engine.on('pool_state', (change) => this.#onPoolState(change)),
      engine.on('source_switched', (info) => this.#onSwitched(info)),
      engine.on('viewer_attached', (viewer) => this.#onAttached(viewer)),
      engine.on('viewer_detached', (viewer) => this.#onDetached(viewer)),
      engine.on('viewer_skipped', (info) => this.#events.skipped(info)),
      recordHappenings({ engine, log: this.#timeline, wallNow, onNews: () => this.#pulse.soon() }),
    ];
  }

  get id(): string {
    return this.#options.id;
  }

  /** Registers and goes on beating. Resolves after the first try, whether it was heard or not: serving does not wait for the state. */
  async start(): Promise<void> {
    await this.#pulse.start();
  }

  /**
   * Claims a stream before anything of it starts here, so that of all nodes with a first viewer one opens the source.
   * Undefined while the state is away: the caller starts on its own, and the nodes agree afterwards.
   * `deposes`: the epoch of an owner that was seen to die. @throws StreampoolError STREAM_NOT_FOUND
   */
  async acquire(streamId: string, options: { deposes?: number } = {}): Promise<Claim | undefined> {
    if (this.#replaced || this.#closed) return undefined;
    const { clock, startGraceMs } = this.#options;
    try {
      return await this.#ownerships.claim(streamId, { ...options, keepUntilMs: clock.now() + startGraceMs });
    } catch (error) {
      if (isStreampoolError(error, 'STREAM_NOT_FOUND')) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ streamId, reason }, 'the state could not be asked for an owner');
      return undefined;
    }
  }

  /** See {@link ContestedStreams}. */
  isContested(streamId: string): boolean {
    return this.#contested.has(streamId);
  }

  /** Its owner still cannot be reached. */
  noteContested(streamId: string): void {
    this.#contested.note(streamId);
  }

  /**
   * Whether one stream more is within this worker's limits; what is returned is called when it is owned, or is not.
   * Undefined: it is not.
   */
  takeRoom(streamId: string, needs: { needsEncoder: boolean }): (() => void) | undefined {
    return this.#room.take(streamId, needs);
  }

  /** 0: no limit. */
  get limits(): { maxStreams: number; maxEncoders: number } {
    const { capacity, maxEncoders } = this.#options;
    return { maxStreams: capacity, maxEncoders };
  }

  /** The epoch under which a stream is ours; undefined if it is not. */
  epochOf(streamId: string): number | undefined {
    return this.#ownerships.get(streamId)?.epoch;
  }

  /** Takes no new streams from now on; others learn of it at once. */
  drain(): void {
    this.#draining = true;
    this.#setStatus('draining');
    this.#pulse.soon();
  }

  /** `draining` when this process or an operator said so. */
  get status(): WorkerStatus {
    return this.#status;
  }

  /** A connection of a provider went over from one stream to another one, at this node's wish. */
  noteHandOver({ provider, way, from, to }: HandOver): void {
    const isNews = true;
    if (way === 'preempt') {
      this.#timeline.add({ type: 'stream_preempted', streamId: from, data: { provider, to } }, { isNews });
    } else if (way !== 'lost') {
      const data = { provider, from, way };
      this.#timeline.add({ type: 'slot_handed_over', streamId: to, data }, { isNews });
    }
  }

  /**
   * What this node saw happen to a stream or a viewer, oldest first: what the state does not know yet, or (`all`) as far
   * as it is remembered, for when the state is away.
   */
  recall(subject: TimelineSubject, { all = false } = {}): TimelineEntry[] {
    return this.#timeline.recall(subject, { untold: !all });
  }

  figures(): WorkerFigures {
    return {
      status: this.#status,
      ownedStreams: this.#ownerships.size,
      encoders: this.#room.encoders,
      limits: this.limits,
      takeovers: this.#ownerships.takeovers,
      ownershipsLost: this.#ownershipsLost,
      claims: this.#ownerships.claims,
      connected: this.#registered && this.#pulse.unheard === 0,
      unheardBeats: this.#pulse.unheard,
      pendingEvents: this.#events.pending,
      droppedEvents: this.#events.dropped,
      droppedEntries: this.#timeline.dropped,
      droppedFarewells: this.#clients.droppedFarewells,
      replaced: this.#replaced,
    };
  }

  /**
   * Idempotent. Call it when the engine has been closed: it tells the last of the engine's events, releases what it owns
   * and signs off, all within `closeTimeoutMs`. Never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs, log } = this.#options;
    let cancel = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      cancel = clock.after(closeTimeoutMs, () => {
        log.warn({ closeTimeoutMs }, 'the worker could not sign off in time; its records will expire');
        resolve();
      });
    });
    await Promise.race([this.#signOff(), deadline]);
    cancel();
    for (const unlisten of this.#unlisten) unlisten();
  }

  async #signOff(): Promise<void> {
    const { id, state, log } = this.#options;
    await this.#pulse.stop();
    if (this.#replaced) return;
    try {
      for (let beats = 0; beats < MOST_LAST_BEATS; beats++) {
        if (!(await this.#beat(true))) return;
        if (this.#events.pending + this.#timeline.pending === 0) break;
      }
      // Released one by one, not taken away with the worker: an owner that lets go leaves no process to be looked for.
      await Promise.all(this.#ownerships.all().map((ownership) => this.#ownerships.release(ownership)));
      await state.removeWorker(id);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ reason }, 'the worker could not sign off; its records will expire');
    }
  }

  /** False if it was not heard. Never rejects. */
  async #beat(full: boolean): Promise<boolean> {
    if (this.#replaced) return true;
    try {
      // The first beat only registers: the reply teaches the store's time, which all records are written in.
      if (this.#registered) await this.#tell(full);
      else await this.#register();
      return true;
    } catch (error) {
      return this.#onBeatFailed(error);
    }
  }

  async #register(): Promise<void> {
    await this.#send({ worker: this.#record(), streams: [], clients: [], gone: [] });
    this.#registered = true;
    this.#pulse.soon();
  }

  async #tell(full: boolean): Promise<void> {
    const { engine, clock, clientRefreshMs } = this.#options;
    await this.#streams.claimWanted(full);
    this.#lives.claimed();
    if (full) this.#events.foldSkips();
    const now = clock.now();
    // A little slack, or beats that come early by their jitter would tell of the viewers only every other time.
    const everybody = full && now - this.#clientsToldAt >= clientRefreshMs * 0.8;
    const streams = this.#streams.batch(full);
    const follows = full ? followed(engine.pools()) : [];
    const clients = this.#clients.batch(now, everybody ? engine.viewers() : undefined);
    const events = this.#events.batch(EVENTS_PER_BEAT);
    const entries = this.#timeline.batch(ENTRIES_PER_BEAT);
    const taken = (): void => {
      this.#events.sent(events);
      this.#timeline.sent(entries);
      this.#clients.sent(clients, now);
      if (everybody) this.#clientsToldAt = now;
    };
    let reply: HeartbeatReply;
    try {
      const { timeline, events: news } = this.#timeline.toBeat(entries);
      const beat = {
        worker: this.#record(),
        streams: streams.reports,
        ...this.#clients.toBeat(clients),
        timeline,
        events: [...events, ...news],
        ...(follows.length > 0 && { follows }),
      };
      reply = await this.#send(beat);
    } catch (error) {
      // Something in it that the store cannot take would be refused for ever, and everything after it would wait.
      if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) taken();
      throw error;
    }
    taken();
    if (this.#generation !== undefined && this.#generation !== reply.generation) {
      this.#clients.forgetAllSent();
      this.#clientsToldAt = Number.NEGATIVE_INFINITY;
    }
    this.#generation = reply.generation;
    if (reply.missing.length > 0) {
      this.#clients.forgetSent(new Set(reply.missing));
      this.#clientsToldAt = Number.NEGATIVE_INFINITY;
    }
    for (const { streamId, owner, epoch } of reply.moved)
      this.#call('onOwnerChanged', streamId, { owner, epoch });
    const more = await this.#streams.told(streams, reply);
    this.#lives.reported();
    // Whoever looks for room must not wait for the next full beat to find it.
    const hasRoomAgain = (await this.#streams.releaseEnded()) && this.#isLimited;
    const hasMore = more || this.#events.pending > 0 || entries.length === ENTRIES_PER_BEAT;
    if (hasMore || hasRoomAgain || this.#clients.hasNews) this.#pulse.soon();
  }

  async #send(beat: Heartbeat): Promise<HeartbeatReply> {
    const { clock, state } = this.#options;
    const before = clock.wallNow();
    const reply = await state.heartbeat(beat);
    this.#time.learn(reply.nowMs, before, clock.wallNow());
    // `told` looks at what was heard before this reply: what it says was lost was lost between the two.
    this.#silentMs = clock.now() - this.#heardAt;
    this.#heardAt = clock.now();
    if (this.#pulse.unheard > 0) this.#options.log.info('the state answers again');
    this.#setStatus(this.#draining ? 'draining' : reply.status);
    return reply;
  }

  #onBeatFailed(error: unknown): boolean {
    const { log, id } = this.#options;
    if (isStreampoolError(error, 'WORKER_ID_TAKEN')) {
      this.#replaced = true;
      log.error({ workerId: id }, error.message);
      this.#call('onReplaced', error.message);
      return true;
    }
    if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) {
      log.error({ err: error }, 'the state could not take what this worker told it');
    } else if (this.#pulse.unheard === 0) {
      // Once per outage, without a stack: it is nobody's defect here.
      log.warn({ reason: error.message }, 'the state is away; trying again');
    }
    return false;
  }

  get #isLimited(): boolean {
    const { capacity, maxEncoders } = this.#options;
    return capacity > 0 || maxEncoders > 0;
  }

  #record(): Heartbeat['worker'] {
    const { id, host, url, publicUrl, metricsUrl, version, capacity, maxEncoders, load, engine, role } =
      this.#options;
    return {
      id,
      host,
      pid: process.pid,
      url,
      ...(publicUrl !== url && { publicUrl }),
      ...(metricsUrl !== url && { metricsUrl }),
      status: this.#draining ? 'draining' : 'ready',
      ...(role === 'gateway' && { role }),
      version,
      ownedStreams: this.#ownerships.size,
      viewers: engine.pools().reduce((sum, pool) => sum + pool.viewers, 0),
      capacity,
      encoders: this.#room.encoders,
      maxEncoders,
      load: Math.round(load() * 100) / 100,
      startedAtMs: this.#startedAtMs,
      ...(this.#startTicks !== undefined && { startTicks: this.#startTicks }),
    };
  }

  #onPoolState(change: EngineEvents['pool_state'][0]): void {
    const { streamId, to } = change;
    const [snapshot] = this.#options.engine.pools(streamId);
    this.#labels.note(snapshot);
    const ended = this.#streams.poolChanged(change);
    const isStart = to === 'live' && !this.#started.has(streamId);
    if (isStart) this.#started.set(streamId, snapshot?.failoverIndex ?? 0);
    if (ended) this.#started.delete(streamId);
    const known = isStart || ended ? poolEvent(change, snapshot) : undefined;
    const event = known && { ...known, atMs: this.#options.clock.wallNow() };
    if (event && isStart) this.#lives.began(event, snapshot);
    else if (event) this.#lives.ended(event, snapshot);
    this.#pulse.soon();
  }

  #onSwitched(info: EngineEvents['source_switched'][0]): void {
    const { streamId, failoverIndex } = info;
    this.#events.add(switchEvent(info, this.#started.get(streamId) ?? 0));
    if (this.#started.has(streamId)) this.#started.set(streamId, failoverIndex);
    this.#pulse.soon();
  }

  #onAttached(viewer: ViewerSnapshot): void {
    this.#clients.attached(viewer);
    this.#events.add(attachEvent(viewer));
    this.#pulse.soon();
  }

  #onDetached(viewer: EngineEvents['viewer_detached'][0]): void {
    this.#clients.detached(viewer);
    this.#events.add(detachEvent(viewer, this.#options.clock.wallNow()));
    this.#pulse.soon();
  }

  #onLost(streamId: string, by: { owner: string; epoch: number }): void {
    this.#ownershipsLost += 1;
    const { heartbeatMs } = this.#options;
    // Who was silent, or is leaving, was rightly taken for gone.
    if (this.#silentMs < 2 * heartbeatMs && this.#status === 'ready') this.#contested.note(streamId);
    this.#options.log.warn({ streamId, owner: by.owner, epoch: by.epoch }, 'another worker owns the stream');
    this.#call('onOwnerChanged', streamId, { owner: by.owner, epoch: by.epoch });
  }

  #setStatus(status: WorkerStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#options.log.info({ status }, 'the status of this worker has changed');
    this.#call('onStatus', status);
  }

  /** A hook that throws must not cost the beat that called it. */
  #call<K extends 'onOwnerChanged' | 'onStreamRemoved' | 'onStatus' | 'onReplaced'>(
    name: K,
    ...args: Parameters<NonNullable<CompleteWorkerOptions[K]>>
  ): void {
    try {
      (this.#options[name] as ((...given: unknown[]) => void) | undefined)?.(...args);
    } catch (error) {
      this.#options.log.error({ err: error, hook: name }, 'a hook of the worker failed');
    }
  }
}

/** What is played here from other nodes, and under which epoch. */
function followed(pools: readonly PoolSnapshot[]): { streamId: string; epoch: number }[] {
  return pools.flatMap(({ streamId, relayed, ownerEpoch }) =>
    relayed && ownerEpoch !== undefined ? [{ streamId, epoch: ownerEpoch }] : [],
  );
}

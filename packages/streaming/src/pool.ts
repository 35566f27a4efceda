import { randomUUID } from 'node:crypto';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type DrillRequest, type MeasuredViewer, PoolDrill, SourceFaults } from './drill/index.ts';
import type {
  DetachReason,
  FailoverResult,
  PoolSnapshot,
  ViewerRequest,
  ViewerSnapshot,
} from './engine-api.ts';
import { Intake } from './intake.ts';
import { nextByHand } from './manual-failover.ts';
import type { StreamNote } from './notes.ts';
import type { PoolOptions } from './pool-options.ts';
import { PoolStateMachine } from './pool-state.ts';
import { PoolViewers } from './pool-viewers.ts';
import { OwnerFollower } from './relay/owner-follower.ts';
import type { RemotePlacement } from './relay/ownership.ts';
import { PoolRelays } from './relay/pool-relays.ts';
import type { RelayRequest } from './relay/relay-feed.ts';
import type { LastWord } from './relay/relay-signal.ts';
import type { SourceProgress } from './source.ts';
import { PoolTaps } from './tap/pool-taps.ts';
import type { Tap, TapSink } from './tap/tap.ts';
import { WaitingRoom } from './waiting-room.ts';

/** What other nodes are told when a pool ends. */
const LAST_WORDS: Partial<Record<DetachReason, LastWord>> = {
  ended: 'ended',
  failed: 'failed',
  shutdown: 'leaving',
};

/** All viewers of one stream, and the one source that feeds them. Runs once: a final pool is replaced by a new one. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #state: PoolStateMachine;
  readonly #intake: Intake;
  readonly #waiting: WaitingRoom<ViewerRequest>;
  readonly #viewers: PoolViewers;
  readonly #relays: PoolRelays;
  readonly #waitingRelays: WaitingRoom<RelayRequest>;
  readonly #taps: PoolTaps;
  readonly #follower: OwnerFollower | undefined;
  #drill: PoolDrill | undefined;
  #startedAt: number | undefined;
  #lastAccess: number;
  #progress: SourceProgress = {};
  #lastError: string | undefined;
  #cancelIdle: () => void = () => {};
  #cancelStart: () => void = () => {};
  /** Settles when the pool is final and everything it held is released. Never rejects. */
  readonly closed: Promise<void>;
  #setClosed: () => void = () => {};

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#lastAccess = options.clock.wallNow();
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve;
    });
    this.#state = new PoolStateMachine((from, to, reason) => options.events.pool_state({ from, to, reason }));
    this.#waiting = new WaitingRoom(options.clock);
    this.#waitingRelays = new WaitingRoom(options.clock);
    this.#intake = new Intake({
      ...options.intake,
      clock: options.clock,
      events: {
        output: (packets, marks) => this.#taps.note(packets, marks),
        joinable: () => this.#onJoinable(),
        progress: (progress) => {
          this.#progress = progress;
        },
        noted: (note) => this.note(note),
        lost: (error) => this.#onLost(error),
        recovered: (info) => this.#onRecovered(info),
        ended: () => this.#onEnded(),
        failed: (error) => this.#onFailed(error),
      },
    });
    const { settings, clock, placement, relayDelivery, delivery } = options;
    this.#relays = new PoolRelays({
      ring: this.#intake.ring,
      ringId: randomUUID(),
      delivery: relayDelivery ?? delivery,
      program: () => this.#intake.program,
      tables: () => this.#intake.tables,
      clientTimeoutMs: settings.clientTimeoutMs,
      now: () => clock.now(),
      onLeave: () => this.#checkIdle(),
    });
    this.#viewers = new PoolViewers({
      spec: options.spec,
      ring: this.#intake.ring,
      program: () => this.#intake.program,
      clientTimeoutMs: settings.clientTimeoutMs,
      clock,
      delivery,
      events: options.events,
      onLeave: () => this.#onLeave(),
    });
    this.#taps = new PoolTaps({
      ring: this.#intake.ring,
      program: () => this.#intake.program,
      onLeave: () => this.#onLeave(),
    });
    this.#follower =
      placement &&
      new OwnerFollower({
        placement,
        clock,
        replace: (replacement) => this.#intake.replace(replacement),
        onFailed: (error) => {
          this.#lastError = error.message;
        },
      });
  }

  get isFinal(): boolean {
    return this.#state.isFinal;
  }

  get isFull(): boolean {
    const { maxViewers } = this.#options.settings;
    return maxViewers > 0 && this.viewerCount >= maxViewers;
  }

  has(clientId: string): boolean {
    return this.#viewers.has(clientId);
  }

  /** Viewers being served or waiting for the first picture. */
  get viewerCount(): number {
    return this.#viewers.size + this.#waiting.size;
  }

  get #isWanted(): boolean {
    return this.viewerCount + this.#relays.size + this.#waitingRelays.size + this.#taps.size > 0;
  }

  /** Resolves once the viewer's response head is written, or the viewer has gone. @throws StreampoolError if the stream cannot be opened */
  join(viewer: ViewerRequest): Promise<void> {
    return this.#admit(viewer, this.#waiting, () => {
      if (!this.#viewers.attach(viewer)) this.#checkIdle();
    });
  }

  /** The same for another node, which counts as no viewer. It waits until the source is played here. */
  relay(request: RelayRequest): Promise<void> {
    return this.#admit(request, this.#waitingRelays, () => {
      if (!this.#relays.add(request)) this.#checkIdle();
    });
  }

  /** See `StreamEngine.tap`. */
  tap(sink: TapSink): Tap {
    this.#want();
    return this.#taps.add(sink);
  }

  /** See `OwnerFollower.follow`. A pool that nobody wants ends instead. */
  follow(epoch: number): void {
    const { placement } = this.#options;
    if (!placement || (placement.newestEpoch ?? 0) >= epoch) return;
    if (this.#isWanted || placement.newestEpoch === undefined) this.#follower?.follow(epoch);
    else void this.stop('another node owns the stream');
  }

  /** See `OwnerFollower.handOver`; other nodes are told to change over, too. */
  async handOver(place: RemotePlacement): Promise<void> {
    if (!this.#follower)
      throw new StreampoolError('INTERNAL', 'a stream of no cluster cannot be handed over');
    await this.#follower.handOver(place);
    this.#relays.move();
  }

  /** See `StreamEngineApi.failover`. */
  async failover(index?: number): Promise<FailoverResult> {
    const { intake, switchInput, placement } = this.#options;
    if (placement?.relayed || !this.#intake.isJoinable)
      throw new StreampoolError('STREAM_NOT_PLAYING', 'the source of the stream is not played here');
    const { alternatives, choice } = intake;
    const current = this.snapshot().failoverIndex;
    const next = await nextByHand({ alternatives, choice, current, wanted: index });
    const replacement = { reason: 'MANUAL', index: next };
    this.note({ type: 'failover_requested', index: next });
    if (!(await switchInput?.(replacement))) await this.#intake.replace(replacement);
    const { failoverIndex, failoverAttempts } = this.snapshot();
    const url = choice?.urlOf(failoverIndex);
    return { failoverIndex, failoverAttempts, ...(url !== undefined && { url }) };
  }

  /** See `StreamEngineApi.drill`. */
  async drill(request: DrillRequest): Promise<void> {
    const { placement, faults, drillInput, clock } = this.#options;
    if (placement?.relayed || !this.#intake.isJoinable || this.#state.isFinal)
      throw new StreampoolError('STREAM_NOT_PLAYING', 'the source of the stream is not played here');
    this.#drill ??= new PoolDrill({
      faults: faults ?? new SourceFaults(clock),
      clock,
      index: () => this.snapshot().failoverIndex,
      isPossible: () => drillInput?.isPossible() ?? faults !== undefined,
      report: (error) => (drillInput ?? this.#intake).report(error),
      isWell: () => this.#intake.isWell,
      isOver: () => this.#state.isFinal,
    });
    await this.#drill.run(request);
  }

  /** The viewers that are being served, for measuring what they get. */
  measured(): MeasuredViewer[] {
    return this.#viewers.measured();
  }

  /** Other nodes that are being served, likewise. */
  measuredRelays(): MeasuredViewer[] {
    return this.#relays.socketViewers.map((socketViewer) => ({ clientId: '', socketViewer }));
  }

  /** Ends one viewer of this pool. */
  disconnect(clientId: string): boolean {
    return this.#viewers.disconnect(clientId);
  }

  /** Idempotent: ends the viewers properly and the source. Resolves when all is released. */
  stop(reason: string, viewersSee: DetachReason = 'stopped'): Promise<void> {
    if (!this.#state.isFinal) this.#finish('stopped', viewersSee, reason);
    return this.closed;
  }

  snapshot(): PoolSnapshot {
    const input = this.#options.inputStatus?.();
    const lastError = this.#lastError ?? input?.lastError;
    const { pid, media } = this.#intake;
    const failoverIndex = input?.index ?? this.#intake.index;
    const namedUrl = this.#options.intake.choice?.urlOf(failoverIndex);
    const { id: streamId, kind, metadata } = this.#options.spec;
    return {
      ...{ streamId, kind, ...(metadata && { metadata }) },
      state: this.#state.state,
      viewers: this.viewerCount,
      ...this.#clusterFigures(),
      lastAccess: this.#lastAccess,
      bytesIn: this.#intake.bytesIn,
      bytesOut: this.#viewers.bytes + this.#relays.bytes,
      failoverIndex,
      ...(namedUrl === undefined ? {} : { namedUrl }),
      failoverAttempts: this.#intake.restarts + (input?.restarts ?? 0),
      restarts: this.#intake.restarts + (input?.restarts ?? 0),
      ringBytes: this.#intake.ring.memoryBytes,
      slateMs: this.#intake.slateMs,
      bitrateKbps: this.#intake.bitrateKbps,
      ...(media && { media }),
      ...(input?.media && { inputMedia: input.media }),
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      ...(pid === undefined ? {} : { pid }),
      ...(this.#progress.fps === undefined ? {} : { fps: this.#progress.fps }),
      ...(this.#progress.speed === undefined ? {} : { speed: this.#progress.speed }),
      ...(lastError === undefined ? {} : { lastError }),
    };
  }

  /** What its parts have to say of themselves, for whoever explains gaps afterwards. */
  note(note: StreamNote): void {
    if (!this.#state.isFinal) this.#options.events.noted(note);
  }

  /** FFmpeg cannot read what its input has become: another one is made ready beside it. */
  async replaceEncoder(reason: string): Promise<void> {
    try {
      await this.#intake.replace({ reason });
    } catch (error) {
      // Whoever superseded it opens another FFmpeg, too; and one that cannot start is judged like any source.
      if (isStreampoolError(error) && !this.#state.isFinal) this.#lastError = error.message;
    }
  }

  /** FFmpeg's input was lost or replaced while FFmpeg itself goes on. */
  noteInputLost(error: StreampoolError): void {
    this.#lastError = error.message;
  }

  noteInputRecovered(info: { gapMs: number; index: number; reason: string }): void {
    this.#options.events.source_switched({
      reason: info.reason,
      gapMs: info.gapMs,
      failoverIndex: info.index,
    });
  }

  viewers(): ViewerSnapshot[] {
    return this.#viewers.snapshots();
  }

  /** Those who wait for the first picture. */
  waitingViewers(): ViewerRequest[] {
    return this.#waiting.all().map(({ who }) => who);
  }

  #clusterFigures(): Pick<PoolSnapshot, 'relayed' | 'relays' | 'relayBytesOut' | 'ownerEpoch'> {
    const { placement } = this.#options;
    if (!placement) return {};
    const { relayed, newestEpoch } = placement;
    return {
      relayed,
      relays: this.#relays.size,
      relayBytesOut: this.#relays.bytes,
      ...(newestEpoch !== undefined && { ownerEpoch: newestEpoch }),
    };
  }

  #canServe(queue: WaitingRoom<ViewerRequest> | WaitingRoom<RelayRequest>): boolean {
    if (!this.#intake.isJoinable) return false;
    // Whoever asks for a relay may be the one whose bytes these are.
    return queue !== this.#waitingRelays || this.#options.placement?.relayed !== true;
  }

  #want(): void {
    this.#lastAccess = this.#options.clock.wallNow();
    this.#cancelIdle();
    this.#wake();
  }

  #admit<T extends ViewerRequest | RelayRequest>(
    who: T,
    queue: WaitingRoom<T>,
    attach: () => void,
  ): Promise<void> {
    this.#want();
    if (this.#canServe(queue as WaitingRoom<ViewerRequest> | WaitingRoom<RelayRequest>)) {
      attach();
      return Promise.resolve();
    }
    return queue.wait({
      who,
      attach,
      until: who.res,
      // A running pool can lose its last access point, and then has no deadline of its own.
      patienceMs: this.#options.settings.streamTimeoutMs,
      tooLate: () => this.#startTimeout(),
      onLeave: () => this.#checkIdle(),
    });
  }

  #onLeave(): void {
    this.#lastAccess = this.#options.clock.wallNow();
    this.#checkIdle();
  }

  #wake(): void {
    if (this.#state.state === 'idle') {
      this.#state.move('starting', 'first viewer');
      this.#startedAt = this.#options.clock.wallNow();
      this.#armStartDeadline();
      void this.#options.after.then(() => {
        if (!this.#state.isFinal) this.#intake.start();
      });
    } else if (this.#state.state === 'draining') {
      const back = this.#intake.isSwitching ? 'switching' : this.#intake.isJoinable ? 'live' : 'starting';
      this.#state.move(back, 'viewer came back');
      if (back === 'starting') this.#armStartDeadline();
    }
  }

  #armStartDeadline(): void {
    this.#cancelStart();
    const { clock, settings } = this.#options;
    this.#cancelStart = clock.after(settings.streamTimeoutMs, () => {
      if (!this.#intake.isJoinable) this.#onFailed(this.#startTimeout());
    });
  }

  #startTimeout(): StreampoolError {
    const seconds = this.#options.settings.streamTimeoutMs / 1000;
    const why = this.#intake.lastError ?? this.#options.inputStatus?.().lastError;
    if (why instanceof StreampoolError && why.code === 'UPSTREAM_TIMEOUT') return why;
    return new StreampoolError(
      'STREAM_START_TIMEOUT',
      this.#intake.bytesIn > 0
        ? `no access point (keyframe) within ${seconds} s`
        : `no picture within ${seconds} s${why ? `: ${why instanceof Error ? why.message : why}` : ''}`,
    );
  }

  #onJoinable(): void {
    if (this.#state.state === 'starting' || this.#state.state === 'switching')
      this.#state.move('live', 'first access point');
    this.#cancelStart();
    if (this.#options.placement?.playsNoneHere) this.#options.idleInput?.();
    for (const queue of [this.#waiting, this.#waitingRelays]) {
      if (!this.#canServe(queue)) continue;
      for (const waiting of queue.all()) {
        // A listener may have stopped the pool meanwhile: then they have been told.
        if (this.#state.isFinal) return;
        waiting.settle();
        waiting.attach();
      }
    }
    this.#checkIdle();
  }

  #onLost(error: StreampoolError): void {
    this.#lastError = error.message;
    if (this.#state.state === 'live') this.#state.move('switching', error.code);
  }

  #onRecovered(info: { gapMs: number; index: number; reason: string }): void {
    if (this.#state.state === 'switching') this.#state.move('live', 'source is back');
    this.#options.events.source_switched({
      reason: info.reason,
      gapMs: info.gapMs,
      failoverIndex: this.#options.inputStatus?.().index ?? info.index,
    });
  }

  #onEnded(): void {
    if (this.#state.isFinal) return;
    if (this.#state.state === 'starting')
      this.#onFailed(new StreampoolError('STREAM_FAILED', 'the source ended before its first picture'));
    else this.#finish('stopped', 'ended', 'the content is complete');
  }

  #onFailed(error: StreampoolError): void {
    this.#lastError = error.message;
    if (!this.#state.isFinal) this.#finish('failed', 'failed', error.code, error);
  }

  #checkIdle(): void {
    if (this.#isWanted || this.#state.isFinal || this.#state.state === 'idle') return;
    // Asked again at each keyframe: what is left of the time must not begin anew.
    if (this.#state.state === 'draining') return;
    this.#state.move('draining', 'the last viewer left');
    this.#cancelIdle();
    this.#cancelIdle = this.#options.clock.after(this.#options.settings.sharedStreamTimeoutMs, () => {
      if (!this.#isWanted) void this.stop('no viewers');
    });
  }

  #finish(
    state: 'stopped' | 'failed',
    viewersSee: DetachReason,
    reason: string,
    error?: StreampoolError,
  ): void {
    this.#cancelIdle();
    this.#cancelStart();
    this.#follower?.close();
    this.#state.move(state, reason);
    this.#options.onFinal();
    const told = error ?? new StreampoolError('STREAM_STOPPED', `the stream was stopped: ${reason}`);
    for (const waiting of [...this.#waiting.all(), ...this.#waitingRelays.all()]) waiting.settle(told);
    if (viewersSee === 'ended') this.#taps.end({ reason: 'ended' });
    else this.#taps.end({ reason: state, error: told });
    this.#relays.end(LAST_WORDS[viewersSee] ?? 'stopped', { atOnce: viewersSee !== 'ended' });
    this.#viewers.end(viewersSee);
    this.#lastAccess = this.#options.clock.wallNow();
    void this.#release();
  }

  async #release(): Promise<void> {
    // At once: a source that waits for its input to be opened ends only when the opening is given up.
    const closing = [this.#intake.close(), this.#options.closeInput?.()];
    for (const outcome of await Promise.allSettled(closing)) {
      if (outcome.status === 'fulfilled') continue;
      const { reason } = outcome;
      this.#lastError = isStreampoolError(reason) ? reason.message : String(reason);
    }
    this.#setClosed();
  }
}

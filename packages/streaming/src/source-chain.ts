import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { Backoff } from './backoff.ts';
import type { Attempt, ChainOptions, Replacement } from './chain-options.ts';
import { type AttemptRecord, Candidates } from './choice/candidates.ts';
import { Failback } from './choice/failback.ts';
import { Probation } from './choice/probation.ts';
import { type Verdict, verdictOf } from './choice/verdict.ts';
import { WayBack } from './choice/way-back.ts';
import { SourceRun } from './source-run.ts';

/** A source that is being opened while another one plays. */
interface Successor {
  readonly run: SourceRun;
  readonly reason: string;
  readonly mayBreak: boolean;
  readonly settle: (error?: StreampoolError) => void;
  /** Ends its probation: there is nothing better. */
  readonly release: () => void;
}

/** A switch that was asked for and had to break before it made. */
interface Switch {
  run: SourceRun | undefined;
  readonly settle: (error?: StreampoolError) => void;
}

/** A node that plays is followed at once; only nodes that come and go within this time are given a pause. */
const MOVES = { firstMs: 100, maxMs: 1_000, stableMs: 1_000 };

/** A pause before sources are looked at again: others may have found out meanwhile that one is well. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Keeps one source running: opens it, watches it, and replaces it when it is lost. A cut connection is tried again at
 * once, under the name's address of now; else the next source that is believed to be well has its turn. No source is
 * asked twice without a pause, and none for ever. A lost one's socket is closed and its process gone before the next is
 * opened, so that a provider's limit of one connection holds. Only `replace` has two at once, for as long as the second
 * needs to get ready.
 */
export class SourceChain {
  readonly #options: ChainOptions;
  readonly #backoffOfMoves: Backoff;
  readonly #candidates: Candidates;
  readonly #failback: Failback | undefined;
  readonly #wayBack: WayBack;
  readonly #records = new WeakMap<SourceRun, AttemptRecord>();
  #run: SourceRun | undefined;
  #successor: Successor | undefined;
  #switch: Switch | undefined;
  #index = 0;
  #wasLive = false;
  /** The current source's bytes go out. */
  #hasTakenOver = false;
  /** Some source's bytes went out. */
  #wasOut = false;
  /** Pictures of this run have been seen. */
  #shown: SourceRun | undefined;
  #lossReason = '';
  /** When the last byte of the last running source came. */
  #lostSinceMs = 0;
  #cancelNext: () => void = () => {};
  #done = false;
  #paused = false;
  #closing: Promise<void> = Promise.resolve();
  bytesIn = 0;
  /** Sources opened after the first. */
  restarts = 0;
  lastError: StreampoolError | undefined;

  constructor(options: ChainOptions) {
    this.#options = options;
    const { policy, random, clock } = options;
    this.#backoffOfMoves = new Backoff({ ...MOVES, ...(random ? { random } : {}) });
    this.#candidates = new Candidates({ ...options, noted: (note) => options.events.noted?.(note) });
    const { failbackAfterMs, stableMs } = policy;
    this.#wayBack = new WayBack({ clock, forMs: stableMs });
    this.#failback =
      failbackAfterMs === undefined
        ? undefined
        : new Failback({ clock, afterMs: failbackAfterMs, tryPrimary: () => this.#tryPrimary() });
  }

  get index(): number {
    return this.#index;
  }

  get pid(): number | undefined {
    return this.#run?.pid;
  }

  /** True between the loss of a source and the first byte of the next that goes out. */
  get isSwitching(): boolean {
    return this.#wasLive && !this.#hasTakenOver && !this.#done;
  }

  start(): void {
    const index = this.#options.first ?? this.#candidates.first();
    this.#open({ index, beside: false, fresh: false, isFirst: true });
  }

  /**
   * Holds back what plays. A successor is not held back: nothing of it goes out yet, and if it could read only when the one that
   * plays does, that one would always be ahead, and it would never take over.
   */
  pause(): void {
    this.#paused = true;
    this.#run?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#run?.resume();
  }

  /** Viewers can start in what goes out. */
  noteAccessPoint(): void {
    const run = this.#run;
    if (!run) return;
    run.noteAccessPoint();
    if (this.#shown === run) return;
    this.#shown = run;
    this.#recordOf(run).played();
  }

  /**
   * Makes before it breaks: opens another source beside the one that plays, which ends when the other has taken over.
   * If the other one fails, everything stays as it is. Where the provider allows no second connection, and `mayBreak`, the
   * one that plays is ended first, and opened again if the other one fails. A later call takes the place of an earlier one.
   * @throws StreampoolError why the other one failed; SWITCH_SUPERSEDED; STREAM_STOPPED
   */
  replace(replacement: Replacement): Promise<void> {
    return this.#replace(replacement);
  }

  #replace(replacement: Replacement, probationMs = 0): Promise<void> {
    const { reason, index = this.#index, mayBreak = replacement.index !== undefined } = replacement;
    if (this.#done) return Promise.reject(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    const superseded = new StreampoolError('SWITCH_SUPERSEDED', 'another switch was asked for');
    this.#candidates.include(index);
    this.#dropSuccessor(superseded);
    this.#settleSwitch(superseded);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const attempt = { index, beside: this.#run !== undefined, fresh: false, isFirst: false };
    let onProbation = probationMs > 0;
    const run = this.#prepare(attempt, () => (onProbation ? probationMs : 0));
    const release = (): void => {
      onProbation = false;
    };
    const settle = (error?: StreampoolError): void => (error ? reject(error) : resolve());
    this.#successor = { run, reason, mayBreak, settle, release };
    this.restarts += 1;
    // Nothing plays: then it need not wait for the turn of the next attempt.
    if (!this.#run) this.#adoptSuccessor();
    this.#start(run);
    return promise;
  }

  /** Idempotent. Resolves when the sources' sockets and processes are gone. */
  close(): Promise<void> {
    this.#finish();
    return this.#closing;
  }

  #open(attempt: Attempt): SourceRun {
    if (this.#wasLive) this.#hasTakenOver = false;
    const run = this.#prepare(attempt);
    this.#run = run;
    this.#index = attempt.index;
    this.#start(run);
    return run;
  }

  #start(run: SourceRun): void {
    run.start();
    if (this.#run === run) this.#holdIfPaused();
  }

  /** For a run that has become the one that plays while what plays is held back. */
  #holdIfPaused(): void {
    if (this.#paused) this.#run?.pause();
  }

  #prepare(attempt: Attempt, probationMs = (): number => 0): SourceRun {
    const { clock, policy, events, open } = this.#options;
    const plain = events.lane({
      reject: (error) => run.end(error),
      fault: (error) => void this.#onFault(run, error),
      tookOver: () => this.#onTakeover(run),
      kind: () => run.kind,
    });
    const lane =
      probationMs() === 0
        ? plain
        : new Probation({ lane: plain, clock, forMs: probationMs, onPicture: () => run.noteAccessPoint() });
    const run: SourceRun = new SourceRun({
      ...{ source: open(attempt), index: attempt.index, lane, policy, clock },
      events: {
        bytes: (count) => {
          this.bytesIn += count;
        },
        firstData: () => {
          if (this.#run === run) this.#isLive();
        },
        progress: (progress) => {
          if (this.#run === run) events.progress(progress);
        },
        gap: (gapMs) => {
          if (this.#run !== run) return;
          const { kind, index } = run;
          events.noted?.(
            kind === 'ffmpeg' ? { type: 'encoder_gap', gapMs } : { type: 'source_gap', gapMs, index },
          );
        },
        ended: (error) => this.#onEnd(run, error),
      },
    });
    this.#records.set(run, this.#candidates.begin(attempt));
    return run;
  }

  #onTakeover(run: SourceRun): void {
    const { clock, events } = this.#options;
    if (this.#successor?.run === run) {
      const former = this.#run;
      const { reason, settle } = this.#successor;
      // Back from a primary that has just been gone back to.
      if (former && this.#wayBack.from(former.index)?.isFailback) this.#failback?.failed();
      this.#wayBack.close();
      this.#successor = undefined;
      this.#run = run;
      this.#index = run.index;
      this.#holdIfPaused();
      this.#isLive();
      this.#hasTakenOver = true;
      this.#wasOut = true;
      this.#retire(former);
      settle();
      this.#lookAtFailback();
      if (former) events.recovered({ sourceGapMs: 0, index: run.index, reason });
      return;
    }
    if (this.#run !== run) return;
    const isFirst = !this.#wasOut;
    this.#hasTakenOver = true;
    this.#wasOut = true;
    if (this.#switch?.run === run) this.#settleSwitch();
    this.#lookAtFailback();
    if (isFirst) return;
    const sourceGapMs = Math.round(clock.now() - this.#lostSinceMs);
    events.recovered({ sourceGapMs, index: run.index, reason: this.#lossReason });
  }

  #onEnd(run: SourceRun, error: StreampoolError | undefined): void {
    if (this.#done) return;
    if (this.#successor?.run === run) {
      if (error) this.#noteLoss(run, error);
      if (error && this.#breaksFirst(error)) return;
      if (error) this.#recordOf(run).failed(error);
      this.#dropSuccessor(error ?? new StreampoolError('STREAM_FAILED', 'the other source ended at once'));
    } else if (this.#run === run) {
      if (error) this.#lost(run, error);
      else this.#complete();
    }
  }

  #complete(): void {
    this.#finish();
    this.#options.events.ended();
  }

  #lost(run: SourceRun, error: StreampoolError): void {
    const { clock, policy, events } = this.#options;
    const now = clock.now();
    const verdict = verdictOf(error);
    this.lastError = error;
    this.#lossReason = error.code;
    this.#noteLoss(run, error);
    if (run.hasData) this.#lostSinceMs = run.lastDataMs;
    const playedMs = run.playedMs(now);
    if (playedMs >= policy.stableMs) this.#onStable(run);
    if (playedMs >= MOVES.stableMs) this.#backoffOfMoves.reset();
    if (verdict !== 'moved') {
      this.#recordOf(run).lost(error);
      const isHopeless = verdict === 'given up' || !this.#candidates.hasHope;
      if (isHopeless && !this.#successor && !this.#wayBack.from(run.index)) {
        this.#giveUp(error);
        return;
      }
    }
    this.#run = undefined;
    this.#hasTakenOver = false;
    this.#retire(run);
    if (this.#wasLive) events.lost(error);
    if (this.#done || this.#run) return;
    if (this.#successor) this.#adoptSuccessor();
    else if (verdict === 'moved') this.#openLater(run.index, this.#backoffOfMoves.next());
    else this.#goOn(run, error, verdict);
  }

  /**
   * The source goes on until one of the others, made ready beside it, has taken over; without one it is better than none. One
   * that was left is not gone back to for a while: where all are black, going round in circles shows nobody anything.
   */
  async #onFault(run: SourceRun, error: StreampoolError): Promise<void> {
    if (this.#done || (this.#run !== run && this.#successor?.run !== run)) return;
    const { index } = run;
    this.lastError = error;
    this.#options.events.noted?.({ type: 'source_faulty', code: error.code, detail: error.message, index });
    if (this.#run !== run) {
      this.#onEnd(run, error);
      return;
    }
    this.#recordOf(run).failed(error);
    this.#candidates.shun(index);
    while (!this.#done && this.#run === run && !this.#successor && !this.#switch) {
      const next = await this.#candidates.insteadOf(index, error);
      if (next === undefined || this.#done || this.#run !== run || this.#successor) return;
      // One that cannot be opened is not asked again, so this comes to an end.
      this.#candidates.shun(next);
      await this.#replace({ reason: error.code, index: next }).catch(() => {});
    }
  }

  /** After a loss that says something of the source. */
  #goOn(run: SourceRun, error: StreampoolError, verdict: Verdict): void {
    const left = this.#wayBack.from(run.index);
    this.#wayBack.close();
    if (this.#switch?.run === run) this.#settleSwitch(error);
    if (left?.isFailback) this.#failback?.failed();
    // What has played may be asked again once without a pause: at once if its connection was cut, else after the others.
    const isWorthAnother = run.hasData && this.#candidates.failuresOf(run.index) <= 1;
    const pardoned = isWorthAnother && verdict !== 'refused' ? run.index : undefined;
    if (left) this.#openLater(left.index, 0);
    else if (isWorthAnother && (verdict === 'cut' || verdict === 'process'))
      this.#openLater(run.index, 0, verdict === 'cut');
    // What ails our FFmpeg is nobody else's affair.
    else if (this.#candidates.mayResolve && verdict !== 'process')
      void this.#resolve(run.index, error, pardoned);
    else this.#openBest(run.index, error, pardoned);
  }

  async #resolve(index: number, error: StreampoolError, pardoned: number | undefined): Promise<void> {
    let isWanted = true;
    this.#cancelNext = () => {
      isWanted = false;
    };
    const resolved = await this.#candidates.resolve(index, error);
    if (!isWanted || this.#done || this.#run) return;
    if (resolved === undefined) this.#openBest(index, error, pardoned);
    else this.#openLater(resolved, 0);
  }

  /** The next of those there is hope for, now or when its time has come. */
  #openBest(after: number, error: StreampoolError, pardoned?: number): void {
    const next = this.#candidates.next(after, pardoned);
    if (!next) this.#giveUp(error);
    else if (next.waitMs === 0) this.#openLater(next.index, 0);
    else {
      const lookAgainMs = Math.min(next.waitMs, LOOK_AGAIN_MS);
      this.#options.choice?.want(next.index);
      this.#cancelNext = this.#options.clock.after(lookAgainMs, () => this.#openBest(after, error));
    }
  }

  #openLater(index: number, afterMs: number, fresh = false): void {
    let isDue = true;
    const cancel = this.#options.clock.after(afterMs, () => {
      void this.#closing.then(() => {
        if (!isDue || this.#done || this.#run) return;
        this.restarts += 1;
        const run = this.#open({ index, beside: false, fresh, isFirst: false });
        if (this.#switch && !this.#switch.run) this.#switch.run = run;
      });
    });
    this.#cancelNext = () => {
      isDue = false;
      cancel();
    };
  }

  #onStable(run: SourceRun): void {
    if (this.#wayBack.close()) this.#failback?.succeeded();
    this.#recordOf(run).stable();
  }

  #giveUp(error: StreampoolError): void {
    const verdict = this.#candidates.verdict(error);
    this.#finish();
    this.#options.events.failed(verdict);
  }

  /** A switch that was asked for, to a source that can only be opened when the one that plays is closed. */
  #breaksFirst(error: StreampoolError): boolean {
    const former = this.#run;
    if (error.code !== 'PROVIDER_LIMIT' || !this.#successor?.mayBreak || !former) return false;
    const { run, reason, settle } = this.#successor;
    this.#successor = undefined;
    this.#retire(run);
    this.#run = undefined;
    this.#hasTakenOver = false;
    this.#lossReason = reason;
    this.#lostSinceMs = former.lastDataMs;
    this.#switch = { run: undefined, settle };
    this.#wayBack.open({ index: former.index, isFailback: false });
    this.#retire(former);
    this.#options.events.lost(error);
    if (!this.#done && !this.#run) this.#openLater(run.index, 0);
    return true;
  }

  #settleSwitch(error?: StreampoolError): void {
    const waiting = this.#switch;
    this.#switch = undefined;
    waiting?.settle(error);
  }

  #lookAtFailback(): void {
    if (this.#index === 0) this.#failback?.disarm();
    else this.#failback?.arm();
  }

  /** False if it is not the time to. */
  async #tryPrimary(): Promise<boolean> {
    const { policy, choice, events } = this.#options;
    const isHere = this.#run && this.#hasTakenOver && this.#index !== 0 && choice?.isOurs() !== false;
    if (!isHere || this.#successor || this.#paused || this.#candidates.waitMs(0) > 0) return false;
    const former = this.#index;
    events.noted?.({ type: 'failback_started', index: 0 });
    try {
      await this.#replace({ reason: 'FAILBACK', index: 0, mayBreak: false }, policy.probationMs);
      this.#wayBack.open({ index: former, isFailback: true });
      return true;
    } catch (error) {
      const code = isStreampoolError(error) ? error.code : 'INTERNAL';
      events.noted?.({ type: 'failback_failed', code, index: 0 });
      throw error;
    }
  }

  #isLive(): void {
    this.#wasLive = true;
    this.#candidates.wasLive = true;
  }

  #recordOf(run: SourceRun): AttemptRecord {
    const record = this.#records.get(run);
    if (!record) throw new StreampoolError('INTERNAL', 'a source without a record of its attempt');
    return record;
  }

  #noteLoss({ hasData, index }: SourceRun, { code, message }: StreampoolError): void {
    const type = hasData ? 'source_lost' : 'source_refused';
    this.#options.events.noted?.({ type, code, detail: message, index });
  }

  /** The one that was being made ready is all there is now: it goes on as an attempt like any other. */
  #adoptSuccessor(): void {
    if (!this.#successor) return;
    this.#cancelNext();
    this.#settleSwitch();
    this.#successor.release();
    const { run, settle } = this.#successor;
    this.#successor = undefined;
    this.#run = run;
    this.#index = run.index;
    this.#holdIfPaused();
    this.#hasTakenOver = false;
    settle();
  }

  #dropSuccessor(error: StreampoolError): void {
    const successor = this.#successor;
    if (!successor) return;
    this.#successor = undefined;
    this.#retire(successor.run);
    successor.settle(error);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelNext();
    this.#failback?.disarm();
    this.#dropSuccessor(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    this.#settleSwitch(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    this.#retire(this.#run);
  }

  #retire(run: SourceRun | undefined): void {
    if (!run) return;
    this.#recordOf(run).dropped();
    this.#closing = Promise.all([this.#closing, run.close()]).then(() => {});
  }
}

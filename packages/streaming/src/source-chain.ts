import { type ErrorCode, isStreampoolError, StreampoolError } from '@streampool/errors';
import { Backoff } from './backoff.ts';
import { Breakers, DEFAULT_BREAKER_POLICY } from './choice/breakers.ts';
import { Failback } from './choice/failback.ts';
import { nextOf } from './choice/order.ts';
import { Probation } from './choice/probation.ts';
import type { SourceChoice } from './choice/source-choice.ts';
import type { AttemptHealth, Fault } from './choice/source-health.ts';
import { Tries } from './choice/tries.ts';
import { type Verdict, verdictOf } from './choice/verdict.ts';
import type { Clock } from './clock.ts';
import type { StreamNote } from './notes.ts';
import type { Source, SourceProgress } from './source.ts';
import { type Lane, type RunPolicy, SourceRun } from './source-run.ts';

/** How a chain judges its sources and how long it hopes. All times in ms. */
export interface ChainPolicy extends RunPolicy {
  /** A source that ran this long without fault clears the record of failures. */
  readonly stableMs: number;
  /** Failed attempts in a row at each source, after the chain was live, until that one is given up. */
  readonly maxAttempts: number;
  /** Before the same source is asked again. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  /** On an alternative for this long, the primary is tried again; never without it. */
  readonly failbackAfterMs?: number;
  /** How long the primary must deliver pictures, before it takes over again. */
  readonly probationMs: number;
}

export const DEFAULT_CHAIN_POLICY: ChainPolicy = {
  startMs: 10_000,
  stallMs: 3_000,
  accessPointMs: 15_000,
  stableMs: 30_000,
  maxAttempts: 12,
  backoff: { firstMs: 250, maxMs: 5_000 },
  probationMs: 5_000,
};

/** Which source to open: `index` 0 is the primary, n the n-th alternative. */
export interface Attempt {
  readonly index: number;
  /** Another source plays on until this one has a keyframe, so it need not hurry. */
  readonly beside: boolean;
  /** Its connection was cut a moment ago: its name is to be resolved anew. */
  readonly fresh: boolean;
  /** The chain has not looked at how the source is. */
  readonly isFirst: boolean;
}

/** What a lane tells the chain of its source. */
export interface LaneReports {
  /** What it sends is useless. */
  reject(error: StreampoolError): void;
  /** It sends, but nothing worth watching: to be left if there is another one that may be better. */
  fault(error: StreampoolError): void;
  /** From now on its bytes are what goes out. Called once. */
  tookOver(): void;
  /** What it is; of one that has yet to be placed, a relay. */
  kind(): Source['kind'];
}

export interface ChainEvents {
  /** A source is about to be opened: where its bytes shall go. Several may be open; which one goes out the lanes decide. */
  lane(reports: LaneReports): Lane;
  progress(progress: SourceProgress): void;
  /** For whoever explains gaps afterwards. */
  noted?(note: StreamNote): void;
  /** The running source was lost and another attempt follows. */
  lost(error: StreampoolError): void;
  /** Another source's bytes go out, after a loss or instead of one that still ran. `sourceGapMs`: from the last byte of the lost one. */
  recovered(info: { sourceGapMs: number; index: number; reason: string }): void;
  /** The content is complete. Final. */
  ended(): void;
  /** No hope left. Final. */
  failed(error: StreampoolError): void;
}

export interface ChainOptions {
  /** Number of alternatives: 1 + failover URLs. */
  readonly alternatives: number;
  /** Which one to begin with, however it is; by default the first that is believed to be well. */
  readonly first?: number;
  /** What is known of the sources beyond this chain. */
  readonly choice?: SourceChoice;
  readonly open: (attempt: Attempt) => Source;
  readonly policy: ChainPolicy;
  readonly events: ChainEvents;
  readonly clock: Clock;
  readonly random?: () => number;
}

export interface Replacement {
  /** Told with the switch. */
  readonly reason: string;
  /** The alternative to play; the one that plays now by default. */
  readonly index?: number;
  /** Where the provider allows no second connection: the first one is ended before. By default where an index is given. */
  readonly mayBreak?: boolean;
}

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

/** A source that sent black pictures, silence or the like is not taken instead of another one within this time. */
const SHUNNED_MS = 5 * 60_000;

/** A source that is left alone for less is nothing to tell of. */
const NOTED_COOLDOWN_MS = 1_000;

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
  /** What this chain itself has seen of its sources. */
  readonly #breakers: Breakers;
  readonly #tries: Tries;
  readonly #failback: Failback | undefined;
  readonly #attempts = new WeakMap<
    SourceRun,
    Attempt & { readonly health: AttemptHealth; beganMs: number }
  >();
  #count: number;
  #run: SourceRun | undefined;
  #successor: Successor | undefined;
  #switch: Switch | undefined;
  #index = 0;
  /** Where to go if the source that has just taken over does not last. */
  #wayBack: { readonly index: number; readonly untilMs: number; readonly isFailback: boolean } | undefined;
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
  /** Sources that sent nothing worth watching. */
  readonly #shunnedUntil = new Map<number, number>();
  /** Left alone, and told of. */
  readonly #shut = new Set<number>();
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
    const { policy, random, clock, alternatives } = options;
    const luck = random ? { random } : {};
    this.#backoffOfMoves = new Backoff({ ...MOVES, ...luck });
    this.#breakers = new Breakers({
      clock,
      ...luck,
      policy: { ...DEFAULT_BREAKER_POLICY, failed: policy.backoff },
    });
    this.#tries = new Tries(policy.maxAttempts);
    this.#count = Math.max(alternatives, (options.first ?? 0) + 1);
    const { failbackAfterMs } = policy;
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
    const { choice, first } = this.#options;
    const known = this.#indices().map((index) => ({ index, waitMs: choice?.waitMs(index) ?? 0 }));
    this.#open({ index: first ?? nextOf(known, 0)?.index ?? 0, beside: false, fresh: false, isFirst: true });
  }

  pause(): void {
    this.#paused = true;
    this.#run?.pause();
    this.#successor?.run.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#run?.resume();
    this.#successor?.run.resume();
  }

  /** Viewers can start in what goes out. */
  noteAccessPoint(): void {
    const run = this.#run;
    if (!run) return;
    run.noteAccessPoint();
    if (this.#shown === run) return;
    this.#shown = run;
    const attempt = this.#attempts.get(run);
    if (!attempt) return;
    attempt.health.played();
    this.#options.choice?.played(attempt);
    const { index } = attempt;
    if (this.#shut.delete(index)) this.#options.events.noted?.({ type: 'breaker_closed', index });
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
    this.#count = Math.max(this.#count, index + 1);
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
    if (this.#paused) run.pause();
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
          if (this.#run === run) this.#wasLive = true;
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
    const health = this.#breakers.begin(String(attempt.index));
    this.#attempts.set(run, Object.assign(attempt, { health, beganMs: clock.now() }));
    return run;
  }

  #onTakeover(run: SourceRun): void {
    const { clock, events } = this.#options;
    if (this.#successor?.run === run) {
      const former = this.#run;
      const { reason, settle } = this.#successor;
      // Back from a primary that has just been gone back to.
      if (former && this.#wayBackFrom(former)?.isFailback) this.#failback?.failed();
      this.#wayBack = undefined;
      this.#successor = undefined;
      this.#run = run;
      this.#index = run.index;
      this.#wasLive = true;
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
      if (error) this.#blame(run, verdictOf(error), error.code);
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
      this.#tries.note(run.index, error, verdict, this.#attempts.get(run)?.beganMs ?? now);
      this.#blame(run, verdict, error.code);
      const isHopeless = verdict === 'given up' || !(this.#mayResolve || this.#hasHope);
      if (isHopeless && !this.#successor && !this.#wayBackFrom(run)) {
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
    this.#blame(run, verdictOf(error), error.code);
    this.#shun(index);
    while (!this.#done && this.#run === run && !this.#successor && !this.#switch) {
      const next = await this.#instead(index, error);
      if (next === undefined || this.#done || this.#run !== run || this.#successor) return;
      // One that cannot be opened is not asked again, so this comes to an end.
      this.#shun(next);
      await this.#replace({ reason: error.code, index: next }).catch(() => {});
    }
  }

  #shun(index: number): void {
    this.#shunnedUntil.set(index, this.#options.clock.now() + SHUNNED_MS);
  }

  /** Another source than this one, which may be asked now. */
  async #instead(index: number, error: StreampoolError): Promise<number | undefined> {
    const now = this.#options.clock.now();
    const isBetter = (other: number): boolean =>
      other !== index && (this.#shunnedUntil.get(other) ?? 0) <= now && this.#waitMs(other) === 0;
    if (this.#mayResolve) {
      const resolved = await this.#options.choice?.resolve?.({ index, error });
      if (resolved) this.#count = Math.max(this.#count, resolved.index + 1);
      if (resolved?.isNew) this.#shunnedUntil.delete(resolved.index);
      if (resolved && isBetter(resolved.index)) return resolved.index;
    }
    const candidates = this.#indices()
      .filter((other) => isBetter(other) && this.#tries.hasHope(other, this.#wasLive))
      .map((other) => ({ index: other, waitMs: 0 }));
    return nextOf(candidates, index + 1)?.index;
  }

  /** After a loss that says something of the source. */
  #goOn(run: SourceRun, error: StreampoolError, verdict: Verdict): void {
    const wayBack = this.#wayBackFrom(run);
    this.#wayBack = undefined;
    if (this.#switch?.run === run) this.#settleSwitch(error);
    if (wayBack?.isFailback) this.#failback?.failed();
    // What has played may be asked again once without a pause: at once if its connection was cut, else after the others.
    const isWorthAnother = run.hasData && this.#tries.failuresOf(run.index) <= 1;
    const pardoned = isWorthAnother && verdict !== 'refused' ? run.index : undefined;
    if (wayBack) this.#openLater(wayBack.index, 0);
    else if (isWorthAnother && (verdict === 'cut' || verdict === 'process'))
      this.#openLater(run.index, 0, verdict === 'cut');
    // What ails our FFmpeg is nobody else's affair.
    else if (this.#mayResolve && verdict !== 'process') void this.#resolve(run.index, error, pardoned);
    else this.#openBest(run.index, error, pardoned);
  }

  async #resolve(index: number, error: StreampoolError, pardoned: number | undefined): Promise<void> {
    let isWanted = true;
    this.#cancelNext = () => {
      isWanted = false;
    };
    const resolved = await this.#options.choice?.resolve?.({ index, error });
    if (!isWanted || this.#done || this.#run) return;
    if (resolved?.isNew) this.#tries.forget(resolved.index);
    if (resolved) this.#count = Math.max(this.#count, resolved.index + 1);
    // An answer that has just failed is no answer.
    if (resolved && this.#tries.hasHope(resolved.index, this.#wasLive) && this.#waitMs(resolved.index) === 0)
      this.#openLater(resolved.index, 0);
    else this.#openBest(index, error, pardoned);
  }

  /** The next of those there is hope for, now or when its time has come. */
  #openBest(after: number, error: StreampoolError, pardoned?: number): void {
    const candidates = this.#indices()
      .filter((index) => this.#tries.hasHope(index, this.#wasLive))
      .map((index) => ({ index, waitMs: index === pardoned ? 0 : this.#waitMs(index) }));
    const next = nextOf(candidates, after + 1);
    if (!next || this.#isSpent) this.#giveUp(error);
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

  #indices(): number[] {
    return Array.from({ length: this.#count }, (_, index) => index);
  }

  #waitMs(index: number): number {
    return Math.max(this.#breakers.waitMs(String(index)), this.#options.choice?.waitMs(index) ?? 0);
  }

  get #hasHope(): boolean {
    return !this.#isSpent && this.#indices().some((index) => this.#tries.hasHope(index, this.#wasLive));
  }

  /** However many sources somebody names: all of them together are given the attempts of one. */
  get #isSpent(): boolean {
    const { choice, policy, alternatives } = this.#options;
    return this.#tries.total >= policy.maxAttempts * (alternatives + (choice?.resolve ? 1 : 0));
  }

  get #mayResolve(): boolean {
    return this.#options.choice?.resolve !== undefined && !this.#isSpent;
  }

  #onStable(run: SourceRun): void {
    const attempt = this.#attempts.get(run);
    this.#tries.clear();
    if (this.#wayBack) {
      this.#wayBack = undefined;
      this.#failback?.succeeded();
    }
    attempt?.health.stable();
    if (attempt) this.#options.choice?.stable(attempt);
  }

  #blame(run: SourceRun, verdict: Verdict, code: ErrorCode): void {
    const attempt = this.#attempts.get(run);
    if (!attempt || verdict === 'moved' || verdict === 'given up') return;
    const fault: Fault = verdict === 'refused' ? 'refused' : 'failed';
    attempt.health.failed(fault);
    // An FFmpeg that dies, or a provider without a free connection, says nothing to others who ask for this URL.
    if (verdict !== 'process' && verdict !== 'full') this.#options.choice?.failed(attempt, fault);
    const { index } = attempt;
    const cooldownMs = Math.round(this.#waitMs(index));
    if (cooldownMs < NOTED_COOLDOWN_MS) return;
    this.#shut.add(index);
    this.#options.events.noted?.({ type: 'breaker_opened', code, index, cooldownMs });
  }

  #giveUp(error: StreampoolError): void {
    const verdict = this.#tries.verdict(error, this.#options.clock.now());
    this.#finish();
    this.#options.events.failed(verdict);
  }

  /** Where the source goes that this one has replaced a moment ago, and only for a trial. */
  #wayBackFrom(run: SourceRun) {
    const { untilMs, index } = this.#wayBack ?? {};
    if (untilMs === undefined || index === run.index) return undefined;
    return this.#options.clock.now() < untilMs ? this.#wayBack : undefined;
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
    this.#wayBack = {
      index: former.index,
      untilMs: this.#options.clock.now() + this.#options.policy.stableMs,
      isFailback: false,
    };
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
    const { policy, choice, clock, events } = this.#options;
    const isHere = this.#run && this.#hasTakenOver && this.#index !== 0 && choice?.isOurs() !== false;
    if (!isHere || this.#successor || this.#paused || this.#waitMs(0) > 0) return false;
    const former = this.#index;
    events.noted?.({ type: 'failback_started', index: 0 });
    try {
      await this.#replace({ reason: 'FAILBACK', index: 0, mayBreak: false }, policy.probationMs);
      this.#wayBack = { index: former, untilMs: clock.now() + policy.stableMs, isFailback: true };
      return true;
    } catch (error) {
      const code = isStreampoolError(error) ? error.code : 'INTERNAL';
      events.noted?.({ type: 'failback_failed', code, index: 0 });
      throw error;
    }
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
    const attempt = this.#attempts.get(run);
    attempt?.health.dropped();
    if (attempt) this.#options.choice?.dropped(attempt);
    this.#closing = Promise.all([this.#closing, run.close()]).then(() => {});
  }
}

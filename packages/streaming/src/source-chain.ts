import { type ErrorCode, StreampoolError } from '@streampool/errors';
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { StreamNote } from './notes.ts';
import type { Source, SourceProgress } from './source.ts';
import { type Lane, type RunPolicy, SourceRun } from './source-run.ts';

/** How a chain judges its sources and how long it hopes. All times in ms. */
export interface ChainPolicy extends RunPolicy {
  /** A source that ran this long without fault clears the record of failures. */
  readonly stableMs: number;
  /** Failed attempts in a row, after the chain was live, until it gives up. */
  readonly maxAttempts: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
}

export const DEFAULT_CHAIN_POLICY: ChainPolicy = {
  startMs: 10_000,
  stallMs: 3_000,
  accessPointMs: 15_000,
  stableMs: 30_000,
  maxAttempts: 12,
  backoff: { firstMs: 250, maxMs: 5_000 },
};

/** Which source to open: `index` 0 is the primary, n the n-th alternative. */
export interface Attempt {
  readonly index: number;
  /** Another source plays on until this one has a keyframe, so it need not hurry. */
  readonly beside: boolean;
}

/** What a lane tells the chain of its source. */
export interface LaneReports {
  /** What it sends is useless. */
  reject(error: StreampoolError): void;
  /** From now on its bytes are what goes out. Called once. */
  tookOver(): void;
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
}

/** A source that is being opened while another one plays. */
interface Successor {
  readonly run: SourceRun;
  readonly reason: string;
  readonly settle: (error?: StreampoolError) => void;
}

/** These say nothing of the provider, nor of the hope there is: which node plays a stream is the cluster's affair. */
const MOVED: readonly ErrorCode[] = ['RELAY_LOST', 'OWNER_CHANGED'];
/** A node that plays is followed at once; only nodes that come and go within this time are given a pause. */
const MOVES = { firstMs: 100, maxMs: 1_000, stableMs: 1_000 };

/**
 * Keeps one source running: opens it, watches it, and replaces it when it is lost, first by itself, then by the next
 * alternative. A lost one's socket is closed and its process gone before the next is opened, so that a provider's limit
 * of one connection holds. Only `replace` has two at once, for as long as the second needs to get ready.
 */
export class SourceChain {
  readonly #options: ChainOptions;
  readonly #backoff: Backoff;
  readonly #backoffOfMoves: Backoff;
  #run: SourceRun | undefined;
  #successor: Successor | undefined;
  #index = 0;
  #wasLive = false;
  /** The current source's bytes go out. */
  #hasTakenOver = false;
  /** Some source's bytes went out. */
  #wasOut = false;
  #failures = 0;
  #lossReason = '';
  /** When the last byte of the last running source came. */
  #lostSinceMs = 0;
  #cancelRetry: () => void = () => {};
  #done = false;
  #paused = false;
  #closing: Promise<void> = Promise.resolve();
  bytesIn = 0;
  /** Sources opened after the first. */
  restarts = 0;
  lastError: StreampoolError | undefined;

  constructor(options: ChainOptions) {
    this.#options = options;
    const { policy, random } = options;
    this.#backoff = new Backoff({ ...policy.backoff, ...(random ? { random } : {}) });
    this.#backoffOfMoves = new Backoff({ ...MOVES, ...(random ? { random } : {}) });
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
    this.#open();
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
    this.#run?.noteAccessPoint();
  }

  /**
   * Makes before it breaks: opens another source beside the one that plays, which ends when the other has taken over.
   * If the other one fails, everything stays as it is. A later call takes the place of an earlier one.
   * @throws StreampoolError why the other one failed; SWITCH_SUPERSEDED; STREAM_STOPPED
   */
  replace({ reason, index = this.#index }: Replacement): Promise<void> {
    if (this.#done) return Promise.reject(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    this.#dropSuccessor(new StreampoolError('SWITCH_SUPERSEDED', 'another switch was asked for'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const run = this.#prepare({ index, beside: this.#run !== undefined });
    this.#successor = { run, reason, settle: (error) => (error ? reject(error) : resolve()) };
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

  #open(): void {
    if (this.#wasLive) this.#hasTakenOver = false;
    const run = this.#prepare({ index: this.#index, beside: false });
    this.#run = run;
    this.#start(run);
  }

  #start(run: SourceRun): void {
    run.start();
    if (this.#paused) run.pause();
  }

  #prepare(attempt: Attempt): SourceRun {
    const { clock, policy, events, open } = this.#options;
    const lane = events.lane({
      reject: (error) => run.end(error),
      tookOver: () => this.#onTakeover(run),
    });
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
    return run;
  }

  #onTakeover(run: SourceRun): void {
    const { clock, events } = this.#options;
    if (this.#successor?.run === run) {
      const former = this.#run;
      const { reason, settle } = this.#successor;
      this.#successor = undefined;
      this.#run = run;
      this.#index = run.index;
      this.#wasLive = true;
      this.#retire(former);
      settle();
      if (former) events.recovered({ sourceGapMs: 0, index: run.index, reason });
      return;
    }
    if (this.#run !== run) return;
    const isFirst = !this.#wasOut;
    this.#hasTakenOver = true;
    this.#wasOut = true;
    if (isFirst) return;
    const sourceGapMs = Math.round(clock.now() - this.#lostSinceMs);
    events.recovered({ sourceGapMs, index: run.index, reason: this.#lossReason });
  }

  #onEnd(run: SourceRun, error: StreampoolError | undefined): void {
    if (this.#done) return;
    if (this.#successor?.run === run) {
      if (error) this.#noteLoss(run, error);
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
    const { clock, policy, events, alternatives } = this.#options;
    this.lastError = error;
    this.#lossReason = error.code;
    this.#noteLoss(run, error);
    if (run.hasData) this.#lostSinceMs = run.lastDataMs;
    const playedMs = run.playedMs(clock.now());
    if (playedMs >= policy.stableMs) {
      this.#failures = 0;
      this.#backoff.reset();
    }
    if (playedMs >= MOVES.stableMs) this.#backoffOfMoves.reset();
    const hasMoved = MOVED.includes(error.code);
    if (!hasMoved) {
      this.#failures += 1;
      const exhausted = this.#wasLive ? this.#failures >= policy.maxAttempts : this.#failures >= alternatives;
      const isHopeless = exhausted || (!error.retryable && alternatives === 1);
      if (isHopeless && !this.#successor) {
        this.#finish();
        events.failed(error);
        return;
      }
      // A source that ran is tried again itself first (the failure may have been the connection's); one that did not
      // start, or was lost a second time, makes way for the next alternative.
      if (!run.hasData || this.#failures > 1) this.#index = (this.#index + 1) % alternatives;
    }
    this.#run = undefined;
    this.#hasTakenOver = false;
    this.#retire(run);
    if (this.#wasLive) events.lost(error);
    if (this.#done || this.#run) return;
    if (this.#successor) this.#adoptSuccessor();
    else this.#openLater(hasMoved ? this.#backoffOfMoves.next() : this.#backoff.next());
  }

  #noteLoss({ hasData, index }: SourceRun, { code, message }: StreampoolError): void {
    const type = hasData ? 'source_lost' : 'source_refused';
    this.#options.events.noted?.({ type, code, detail: message, index });
  }

  #openLater(afterMs: number): void {
    let isDue = true;
    const cancel = this.#options.clock.after(afterMs, () => {
      void this.#closing.then(() => {
        if (!isDue || this.#done || this.#run) return;
        this.restarts += 1;
        this.#open();
      });
    });
    this.#cancelRetry = () => {
      isDue = false;
      cancel();
    };
  }

  /** The one that was being made ready is all there is now: it goes on as an attempt like any other. */
  #adoptSuccessor(): void {
    if (!this.#successor) return;
    this.#cancelRetry();
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
    this.#cancelRetry();
    this.#dropSuccessor(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    this.#retire(this.#run);
  }

  #retire(run: SourceRun | undefined): void {
    if (!run) return;
    this.#closing = Promise.all([this.#closing, run.close()]).then(() => {});
  }
}

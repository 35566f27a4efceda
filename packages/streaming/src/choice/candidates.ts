import type { StreampoolError } from '@streampool/errors';
import type { Attempt, ChainOptions } from '../chain-options.ts';
import type { StreamNote } from '../notes.ts';
import { Breakers, DEFAULT_BREAKER_POLICY } from './breakers.ts';
import { type Candidate, nextOf } from './order.ts';
import type { AttemptHealth } from './source-health.ts';
import { Tries } from './tries.ts';
import { verdictOf } from './verdict.ts';

/** A source that sent black pictures, silence or the like is not taken instead of another one within this time. */
const SHUNNED_MS = 5 * 60_000;

/** A source that is left alone for less is nothing to tell of. */
const NOTED_COOLDOWN_MS = 1_000;

export interface CandidatesOptions
  extends Pick<ChainOptions, 'alternatives' | 'first' | 'choice' | 'policy' | 'clock' | 'random'> {
  readonly noted: (note: StreamNote) => void;
}

/** What became of one attempt, for those who choose the next one. */
export interface AttemptRecord {
  /** Viewers get its pictures. */
  played(): void;
  /** It has played long enough for what was before to count no more. */
  stable(): void;
  /** Something is wrong with the source. */
  failed(error: StreampoolError): void;
  /** The same, of a source that was lost: one try less. */
  lost(error: StreampoolError): void;
  /** It ended for reasons that say nothing of the source. Without effect after `failed`. */
  dropped(): void;
}

/** The sources of one chain, with what it has seen of them itself and what others know: which may be next, and whether there is hope. */
export class Candidates {
  readonly #options: CandidatesOptions;
  readonly #breakers: Breakers;
  readonly #tries: Tries;
  readonly #shunnedUntil = new Map<number, number>();
  /** Left alone, and told of. */
  readonly #shut = new Set<number>();
  #count: number;
  /** The stream has played. One that never did is given one pass over its sources. */
  wasLive = false;

  constructor(options: CandidatesOptions) {
    this.#options = options;
    const { alternatives, first = 0, policy, clock, random } = options;
    this.#count = Math.max(alternatives, first + 1);
    this.#tries = new Tries(policy.maxAttempts);
    this.#breakers = new Breakers({
      clock,
      ...(random ? { random } : {}),
      policy: { ...DEFAULT_BREAKER_POLICY, failed: policy.backoff },
    });
  }

  /** Somebody wants this one: from now on it is among them. */
  include(index: number): void {
    this.#count = Math.max(this.#count, index + 1);
  }

  /** To begin with: the first that is believed to be well. */
  first(): number {
    const { choice } = this.#options;
    const known = this.#indices().map((index) => ({ index, waitMs: choice?.waitMs(index) ?? 0 }));
    return nextOf(known, 0)?.index ?? 0;
  }

  /** After how many ms it may be asked; 0: now. */
  waitMs(index: number): number {
    return Math.max(this.#breakers.waitMs(String(index)), this.#options.choice?.waitMs(index) ?? 0);
  }

  /** Of those there is hope for the next one after `after`, with its time; `pardoned` need not wait. */
  next(after: number, pardoned?: number): Candidate | undefined {
    if (this.#isSpent) return undefined;
    const candidates = this.#hopeful().map((index) => ({
      ...{ index, waitMs: index === pardoned ? 0 : this.waitMs(index) },
    }));
    return nextOf(candidates, after + 1);
  }

  /** Somebody who is asked for the next source has one that may be asked now. */
  async resolve(index: number, error: StreampoolError): Promise<number | undefined> {
    const resolved = await this.#options.choice?.resolve?.({ index, error });
    if (!resolved) return undefined;
    this.include(resolved.index);
    if (resolved.isNew) {
      this.#tries.forget(resolved.index);
      this.#shunnedUntil.delete(resolved.index);
    }
    // An answer that has just failed is no answer.
    const isUsable = this.#tries.hasHope(resolved.index, this.wasLive) && this.waitMs(resolved.index) === 0;
    return isUsable ? resolved.index : undefined;
  }

  /** Another one than this, which may be asked now and is not known to be as bad. */
  async insteadOf(index: number, error: StreampoolError): Promise<number | undefined> {
    const isBetter = (other: number): boolean => {
      const isShunned = (this.#shunnedUntil.get(other) ?? 0) > this.#options.clock.now();
      return other !== index && !isShunned && this.waitMs(other) === 0;
    };
    const resolved = this.mayResolve ? await this.resolve(index, error) : undefined;
    if (resolved !== undefined && isBetter(resolved)) return resolved;
    const candidates = this.#hopeful()
      .filter(isBetter)
      .map((other) => ({ index: other, waitMs: 0 }));
    return nextOf(candidates, index + 1)?.index;
  }

  /** It sent nothing worth watching, or could not be opened in place of such a one. */
  shun(index: number): void {
    this.#shunnedUntil.set(index, this.#options.clock.now() + SHUNNED_MS);
  }

  /** Failed attempts in a row. */
  failuresOf(index: number): number {
    return this.#tries.failuresOf(index);
  }

  get hasHope(): boolean {
    return this.mayResolve || (!this.#isSpent && this.#hopeful().length > 0);
  }

  get mayResolve(): boolean {
    return this.#options.choice?.resolve !== undefined && !this.#isSpent;
  }

  /** Why there is no hope. */
  verdict(last: StreampoolError): StreampoolError {
    return this.#tries.verdict(last, this.#options.clock.now());
  }

  begin(attempt: Attempt): AttemptRecord {
    const { choice, clock, noted } = this.#options;
    const { index } = attempt;
    const health = this.#breakers.begin(String(index));
    const beganMs = clock.now();
    return {
      played: () => {
        health.played();
        choice?.played(attempt);
        if (this.#shut.delete(index)) noted({ type: 'breaker_closed', index });
      },
      stable: () => {
        this.#tries.clear();
        health.stable();
        choice?.stable(attempt);
      },
      failed: (error) => this.#blame(attempt, health, error),
      lost: (error) => {
        this.#tries.note(index, error, verdictOf(error), beganMs);
        this.#blame(attempt, health, error);
      },
      dropped: () => {
        health.dropped();
        choice?.dropped(attempt);
      },
    };
  }

  #blame(attempt: Attempt, health: AttemptHealth, error: StreampoolError): void {
    const { choice, noted } = this.#options;
    const verdict = verdictOf(error);
    if (verdict === 'moved' || verdict === 'given up') return;
    const fault = verdict === 'refused' ? 'refused' : 'failed';
    health.failed(fault);
    // An FFmpeg that dies, or a provider without a free connection, says nothing to others who ask for this URL.
    if (verdict !== 'process' && verdict !== 'full') choice?.failed(attempt, fault);
    const { index } = attempt;
    const cooldownMs = Math.round(this.waitMs(index));
    if (cooldownMs < NOTED_COOLDOWN_MS) return;
    this.#shut.add(index);
    noted({ type: 'breaker_opened', code: error.code, index, cooldownMs });
  }

  #indices(): number[] {
    return Array.from({ length: this.#count }, (_, index) => index);
  }

  #hopeful(): number[] {
    return this.#indices().filter((index) => this.#tries.hasHope(index, this.wasLive));
  }

  /** However many sources somebody names: all of them together are given the attempts of one. */
  get #isSpent(): boolean {
    const { choice, policy, alternatives } = this.#options;
    return this.#tries.total >= policy.maxAttempts * (alternatives + (choice?.resolve ? 1 : 0));
  }
}

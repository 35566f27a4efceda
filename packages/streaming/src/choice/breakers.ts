import type { Clock } from '../clock.ts';
import type { AttemptHealth, Fault, SourceHealth } from './source-health.ts';

export interface BreakerPolicy {
  /** How long a source that failed is left alone: doubling with each failure in a row, and shortened by up to a half. */
  readonly failed: { readonly firstMs: number; readonly maxMs: number };
  /** The same for one that refused (404, 401, a web page). */
  readonly refused: { readonly firstMs: number; readonly maxMs: number };
  /** How long the one attempt after that keeps others from trying, if nothing is heard of it. */
  readonly probeMs: number;
  /** A source that nobody asked for is forgotten after this long. */
  readonly forgetMs: number;
}

export const DEFAULT_BREAKER_POLICY: BreakerPolicy = {
  failed: { firstMs: 250, maxMs: 10_000 },
  refused: { firstMs: 2_000, maxMs: 30_000 },
  probeMs: 10_000,
  forgetMs: 10 * 60_000,
};

export interface BreakersOptions {
  readonly clock: Clock;
  readonly policy?: BreakerPolicy;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
  /** The most sources that are remembered. */
  readonly most?: number;
  /** Told what this node has found out by itself. */
  readonly onNews?: (news: BreakerNews) => void;
}

export interface BreakerNews {
  readonly key: string;
  readonly kind: Fault | 'played' | 'stable' | 'dropped' | 'probe';
  /** When the attempt began; monotonic ms. */
  readonly beganMs: number;
}

/** How a source is in the eyes of others. */
export interface BreakerView {
  /** Failures in a row. */
  readonly failures: number;
  /** Open until an attempt has shown pictures. */
  readonly isOpen: boolean;
  /** How long it is still to be left alone. */
  readonly waitMs: number;
}

interface Breaker {
  failures: number;
  isOpen: boolean;
  /** When it was opened last; an attempt that began earlier says nothing new. */
  openedMs: number;
  untilMs: number;
  /** Somebody is finding out how it is now. */
  probeUntilMs: number;
  usedMs: number;
}

/** The circuit breakers that one node knows, in its memory. */
export class Breakers implements SourceHealth {
  readonly #options: BreakersOptions;
  readonly #policy: BreakerPolicy;
  readonly #random: () => number;
  /** In the order of their last use. */
  readonly #breakers = new Map<string, Breaker>();

  constructor(options: BreakersOptions) {
    this.#options = options;
    this.#policy = options.policy ?? DEFAULT_BREAKER_POLICY;
    this.#random = options.random ?? Math.random;
  }

  get size(): number {
    return this.#breakers.size;
  }

  /** Sources that are left alone, or whose next attempt has not shown yet how they are. */
  get open(): number {
    const now = this.#options.clock.now();
    let open = 0;
    for (const { isOpen, usedMs } of this.#breakers.values())
      if (isOpen && now - usedMs < this.#policy.forgetMs) open += 1;
    return open;
  }

  waitMs(key: string): number {
    const breaker = this.#known(key);
    if (!breaker?.isOpen) return 0;
    return Math.max(0, Math.max(breaker.untilMs, breaker.probeUntilMs) - this.#options.clock.now());
  }

  /** The time to leave it alone is over, and nobody knows yet how it is now. */
  isHalfOpen(key: string): boolean {
    return this.#known(key)?.isOpen === true && this.waitMs(key) === 0;
  }

  /** Here whoever comes first may. */
  want(): void {}

  begin(key: string): AttemptHealth {
    const beganMs = this.#options.clock.now();
    const breaker = this.#known(key);
    if (breaker?.isOpen) breaker.probeUntilMs = beganMs + this.#policy.probeMs;
    let isOver = false;
    let hasPlayed = false;
    const tell = (kind: BreakerNews['kind']): void => this.#options.onNews?.({ key, kind, beganMs });
    return {
      played: () => {
        if (isOver || hasPlayed) return;
        hasPlayed = true;
        // Of a source that nothing is held against there is no news.
        if (this.#close(key)) tell('played');
      },
      stable: () => {
        if (isOver) return;
        if (this.#breakers.delete(key)) tell('stable');
      },
      failed: (fault) => {
        if (isOver) return;
        isOver = true;
        this.#fail(key, fault, beganMs);
        tell(fault);
      },
      dropped: () => {
        if (isOver) return;
        isOver = true;
        const known = this.#known(key);
        if (!known) return;
        known.probeUntilMs = 0;
        if (!hasPlayed) tell('dropped');
      },
    };
  }

  /** What others have found out. */
  learn(key: string, view: BreakerView): void {
    if (view.failures === 0) {
      this.#breakers.delete(key);
      return;
    }
    const now = this.#options.clock.now();
    const breaker = this.#use(key);
    if (view.failures > breaker.failures) breaker.openedMs = now;
    breaker.failures = view.failures;
    breaker.isOpen = view.isOpen;
    breaker.untilMs = now + view.waitMs;
  }

  /** Somebody else finds out how it is now. */
  probedElsewhere(key: string, forMs: number): void {
    const breaker = this.#known(key);
    if (breaker?.isOpen) breaker.probeUntilMs = this.#options.clock.now() + forMs;
  }

  #fail(key: string, fault: Fault, beganMs: number): void {
    const breaker = this.#use(key);
    breaker.probeUntilMs = 0;
    if (breaker.failures > 0 && beganMs < breaker.openedMs) return;
    const now = this.#options.clock.now();
    breaker.failures += 1;
    breaker.isOpen = true;
    breaker.openedMs = now;
    breaker.untilMs = now + cooldownMs(this.#policy[fault], breaker.failures) * (1 - this.#random() / 2);
  }

  /** False if there is nothing to close. */
  #close(key: string): boolean {
    const breaker = this.#known(key);
    if (!breaker) return false;
    breaker.isOpen = false;
    breaker.probeUntilMs = 0;
    return true;
  }

  #known(key: string): Breaker | undefined {
    const breaker = this.#breakers.get(key);
    if (!breaker) return undefined;
    if (this.#options.clock.now() - breaker.usedMs < this.#policy.forgetMs) return breaker;
    this.#breakers.delete(key);
    return undefined;
  }

  #use(key: string): Breaker {
    const breaker = this.#known(key) ?? {
      ...{ failures: 0, isOpen: false, openedMs: 0, untilMs: 0, probeUntilMs: 0, usedMs: 0 },
    };
    breaker.usedMs = this.#options.clock.now();
    this.#breakers.delete(key);
    this.#breakers.set(key, breaker);
    for (const oldest of this.#breakers.keys()) {
      if (this.#breakers.size <= (this.#options.most ?? 10_000)) break;
      this.#breakers.delete(oldest);
    }
    return breaker;
  }
}

/** Before jitter, after the n-th failure in a row. */
export function cooldownMs({ firstMs, maxMs }: { firstMs: number; maxMs: number }, failures: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1));
}

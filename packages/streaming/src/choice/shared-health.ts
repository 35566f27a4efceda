import type { Clock } from '../clock.ts';
import { type BreakerNews, type BreakerPolicy, Breakers, DEFAULT_BREAKER_POLICY } from './breakers.ts';
import type { AttemptHealth, SourceHealth } from './source-health.ts';

/** See `SourceReport` of the state package, which this is the data plane's side of. */
export interface HealthReport {
  readonly key: string;
  readonly kind: 'failed' | 'played' | 'stable' | 'dropped' | 'probe';
  readonly beganAgoMs: number;
  readonly cooldown?: { readonly firstMs: number; readonly mostMs: number; readonly share: number };
}

export interface HealthView {
  readonly key: string;
  readonly failures: number;
  readonly isOpen: boolean;
  readonly waitMs: number;
  readonly probe: string;
  readonly probeMs: number;
}

/** Where nodes tell each other how sources are. */
export type HealthStore = (exchange: {
  readonly node: string;
  readonly reports: readonly HealthReport[];
  readonly since?: number;
  readonly probeMs: number;
}) => Promise<{ readonly nowMs: number; readonly sources: readonly HealthView[] }>;

export interface SharedHealthOptions {
  /** Name of this node, unique in the cluster. */
  readonly node: string;
  readonly store: HealthStore;
  readonly clock: Clock;
  /** How often others' news are fetched. */
  readonly intervalMs: number;
  readonly policy?: BreakerPolicy;
  /** 0 to 1; injected for tests. */
  readonly random?: () => number;
}

/** What happens together is told together. */
const SOON_MS = 50;
/** Whoever wants to find out how a source is asks the others, and does not wait for an answer that does not come. */
const ASK_MS = 300;
/** The most that waits for a store that is away; the oldest is forgotten. */
const MOST_PENDING = 5_000;
const MOST_PER_EXCHANGE = 500;
/** News that are older than this are none. */
const STALE_MS = 60_000;

interface Pending extends BreakerNews {
  readonly atMs: number;
  readonly share: number;
}

/** The right to find out how a source is, after its pause. */
interface Right {
  granted: boolean;
  untilMs: number;
}

/**
 * The circuit breakers of the whole cluster, as one node sees them: what it finds out is told to the others in small
 * batches, and what they have found out is fetched at intervals. Questions are answered from memory; while the store is
 * away each node goes by what it sees itself.
 */
export class SharedHealth implements SourceHealth {
  readonly #options: SharedHealthOptions;
  readonly #policy: BreakerPolicy;
  readonly #random: () => number;
  readonly #breakers: Breakers;
  readonly #rights = new Map<string, Right>();
  /** Others find out how these are. */
  readonly #elsewhere = new Set<string>();
  #pending: Pending[] = [];
  #since: number | undefined;
  #cancelSoon: () => void = () => {};
  #cancelInterval: () => void = () => {};
  #isSoon = false;
  #exchanging: Promise<void> | undefined;
  #isAgain = false;
  #closed = false;

  constructor(options: SharedHealthOptions) {
    this.#options = options;
    this.#policy = options.policy ?? DEFAULT_BREAKER_POLICY;
    this.#random = options.random ?? Math.random;
    const { clock } = options;
    this.#breakers = new Breakers({
      clock,
      policy: this.#policy,
      random: this.#random,
      onNews: (news) => this.#tell({ ...news, atMs: clock.now(), share: 1 - this.#random() / 2 }),
    });
    this.#arm();
  }

  /** See {@link Breakers.open}. */
  get open(): number {
    return this.#breakers.open;
  }

  waitMs(key: string): number {
    const waitMs = this.#breakers.waitMs(key);
    if (waitMs > 0 || !this.#breakers.isHalfOpen(key)) return waitMs;
    const right = this.#rights.get(key);
    if (!right) return SOON_MS;
    if (right.granted) return 0;
    // No answer is no refusal.
    return Math.max(0, right.untilMs - this.#options.clock.now());
  }

  want(key: string): void {
    if (!this.#breakers.isHalfOpen(key) || this.#rights.has(key) || this.#closed) return;
    const now = this.#options.clock.now();
    for (const [other, { untilMs }] of this.#rights) {
      if (untilMs + this.#policy.probeMs < now) this.#rights.delete(other);
    }
    this.#rights.set(key, { granted: false, untilMs: now + ASK_MS });
    this.#pending.push({ key, kind: 'probe', beganMs: now, atMs: now, share: 1 });
    void this.#exchange();
  }

  begin(key: string): AttemptHealth {
    this.#rights.delete(key);
    return this.#breakers.begin(key);
  }

  /** Idempotent: tells and asks nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSoon();
    this.#cancelInterval();
    await this.#exchanging;
  }

  #tell(news: Pending): void {
    this.#pending.push(news);
    if (this.#pending.length > MOST_PENDING) this.#pending.shift();
    if (this.#isSoon || this.#closed) return;
    this.#isSoon = true;
    this.#cancelSoon = this.#options.clock.after(SOON_MS, () => {
      this.#isSoon = false;
      void this.#exchange();
    });
  }

  #arm(): void {
    const { clock, intervalMs } = this.#options;
    this.#cancelInterval = clock.after(intervalMs * (1 - this.#random() / 10), () => {
      void this.#exchange();
      if (!this.#closed) this.#arm();
    });
  }

  /** One at a time: a later answer must not be overtaken by an earlier one. */
  async #exchange(): Promise<void> {
    // What comes meanwhile goes with the next one.
    this.#isAgain = this.#exchanging !== undefined;
    if (this.#isAgain || this.#closed) return;
    do {
      this.#isAgain = false;
      this.#exchanging = this.#exchangeOnce();
      await this.#exchanging;
      this.#exchanging = undefined;
    } while (this.#isAgain && !this.#closed);
  }

  async #exchangeOnce(): Promise<void> {
    const { node, store, clock } = this.#options;
    const { probeMs } = this.#policy;
    const now = clock.now();
    this.#pending = this.#pending.filter(({ atMs }) => now - atMs < STALE_MS);
    const sent = this.#pending.slice(0, MOST_PER_EXCHANGE);
    const reports = sent.map((news) => this.#reportOf(news, now));
    const since = this.#since;
    try {
      const reply = await store({ node, reports, probeMs, ...(since !== undefined && { since }) });
      this.#since = reply.nowMs;
      this.#pending = this.#pending.filter((news) => !sent.includes(news));
      const unsaid = new Set(this.#pending.map(({ key }) => key));
      for (const view of reply.sources) if (!unsaid.has(view.key)) this.#learn(view);
      // Nothing is known of it any more, so nothing keeps anybody from asking.
      const told = new Set(reply.sources.map(({ key }) => key));
      for (const { key, kind } of sent) if (kind === 'probe' && !told.has(key)) this.#grant(key);
    } catch {
      // The store is away, and tells so elsewhere. What is pending is told when it is back; questions are void.
      this.#pending = this.#pending.filter(({ kind }) => kind !== 'probe');
    }
  }

  #learn(view: HealthView): void {
    const { key, probe, probeMs } = view;
    this.#breakers.learn(key, view);
    const isElsewhere = probe !== '' && probe !== this.#options.node;
    if (isElsewhere) this.#elsewhere.add(key);
    else if (this.#elsewhere.delete(key)) this.#breakers.probedElsewhere(key, 0);
    if (probe === '') {
      // Asked for too early, or by the way: asked again when it is time.
      if (this.#rights.get(key)?.granted === false) this.#rights.delete(key);
    } else if (isElsewhere) {
      this.#rights.delete(key);
      this.#breakers.probedElsewhere(key, probeMs);
    } else if (this.#rights.has(key)) this.#grant(key);
  }

  #grant(key: string): void {
    const right = this.#rights.get(key);
    if (!right) return;
    right.granted = true;
    right.untilMs = this.#options.clock.now() + this.#policy.probeMs;
  }

  #reportOf({ key, kind, beganMs, share }: Pending, now: number): HealthReport {
    const beganAgoMs = Math.max(0, Math.round(now - beganMs));
    if (kind !== 'failed' && kind !== 'refused') return { key, kind, beganAgoMs };
    const { firstMs, maxMs } = this.#policy[kind];
    return { key, kind: 'failed', beganAgoMs, cooldown: { firstMs, mostMs: maxMs, share } };
  }
}

/** Something that is given a turn once per delivery interval. */
export interface Delivery {
  /** Must not throw. `nowMs` is monotonic. */
  deliver(nowMs: number): void;
}

export interface DeliveryClockOptions {
  /** Every delivery gets one turn per interval. Longer intervals cost less CPU per byte and add delay. */
  readonly intervalMs: number;
  /** Ready-made for tests; the real ones by default. */
  readonly now?: () => number;
  readonly setInterval?: (run: () => void, ms: number) => { unref?(): void };
  readonly clearInterval?: (timer: { unref?(): void }) => void;
}

const PHASES = 10;
const SHORTEST_PHASE_MS = 5;

/**
 * One shared timer that hands out turns, staggered over phases of the interval: a thousand writes in one go would hold
 * the event loop for tens of ms, a tenth of them ten times as often costs the same CPU and holds it for a tenth.
 */
export class DeliveryClock {
  readonly intervalMs: number;
  readonly #phases: Delivery[][];
  readonly #phaseOf = new Map<Delivery, number>();
  readonly #now: () => number;
  readonly #setInterval: NonNullable<DeliveryClockOptions['setInterval']>;
  readonly #clearInterval: NonNullable<DeliveryClockOptions['clearInterval']>;
  #timer: { unref?(): void } | undefined;
  #startedMs = 0;
  #turn = 0;

  constructor(options: DeliveryClockOptions) {
    this.intervalMs = options.intervalMs;
    const count = Math.max(1, Math.min(PHASES, Math.floor(options.intervalMs / SHORTEST_PHASE_MS)));
    this.#phases = Array.from({ length: count }, () => []);
    this.#now = options.now ?? (() => performance.now());
    this.#setInterval = options.setInterval ?? ((run, ms) => setInterval(run, ms));
    this.#clearInterval = options.clearInterval ?? ((timer) => clearInterval(timer as NodeJS.Timeout));
  }

  get size(): number {
    return this.#phaseOf.size;
  }

  /** Gives it turns from now on, in the phase with the fewest. The timer runs only while somebody wants turns. */
  add(delivery: Delivery): void {
    if (this.#phaseOf.has(delivery)) return;
    let least = 0;
    for (let i = 1; i < this.#phases.length; i += 1)
      if (this.#phases[i]!.length < this.#phases[least]!.length) least = i;
    this.#phases[least]!.push(delivery);
    this.#phaseOf.set(delivery, least);
    if (this.#timer === undefined) {
      this.#startedMs = this.#now();
      this.#turn = 0;
      this.#timer = this.#setInterval(() => this.#tick(), this.intervalMs / this.#phases.length);
    }
  }

  remove(delivery: Delivery): void {
    const phase = this.#phaseOf.get(delivery);
    if (phase === undefined) return;
    this.#phaseOf.delete(delivery);
    const list = this.#phases[phase]!;
    const last = list.pop()!;
    if (last !== delivery) list[list.indexOf(delivery)] = last;
    if (this.#phaseOf.size === 0 && this.#timer !== undefined) {
      this.#clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #tick(): void {
    const now = this.#now();
    const phaseMs = this.intervalMs / this.#phases.length;
    // A late timer makes up for the phases it missed, each at most once, so that nobody waits for two intervals.
    const due = Math.floor((now - this.#startedMs) / phaseMs);
    let turns = Math.max(1, Math.min(this.#phases.length, due - this.#turn));
    this.#turn = Math.max(due, this.#turn + 1);
    // Fixed now: when all leave during a turn and others come, the clock begins anew.
    const next = this.#turn;
    for (; turns > 0; turns -= 1) {
      const list = this.#phases[(next - turns) % this.#phases.length]!;
      // Backwards: a delivery that leaves during its turn is replaced by one that has had its own.
      for (let i = list.length - 1; i >= 0; i -= 1) list[i]?.deliver(now);
    }
  }
}

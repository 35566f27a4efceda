import { Counter, Gauge, type Registry } from 'prom-client';
import type { SessionObserver, StartOutcome } from '../sessions/session-keeper.ts';
import type { Meter } from './duration-histogram.ts';

/** Viewing sessions at this node. How long the state takes for them is among its operations (`startSession`, `touchSessions`). */
export class SessionMeter implements Meter, SessionObserver {
  readonly #starts = new Counter({
    name: 'streampool_session_starts_total',
    help: 'Viewing sessions that viewers asked this node for, by what became of it.',
    labelNames: ['outcome'],
    registers: [],
  });
  readonly #renewals = new Counter({
    name: 'streampool_session_renewals_total',
    help: 'Viewing sessions that this node renewed in the state.',
    registers: [],
  });
  readonly #active: () => number;

  /** `active`: asked at a scrape. */
  constructor(active: () => number) {
    this.#active = active;
  }

  started(outcome: StartOutcome): void {
    this.#starts.inc({ outcome });
  }

  renewed(sessions: number): void {
    this.#renewals.inc(sessions);
  }

  register(registry: Registry): void {
    const active = this.#active;
    registry.registerMetric(this.#starts);
    registry.registerMetric(this.#renewals);
    new Gauge({
      name: 'streampool_sessions',
      help: 'Viewing sessions with viewers at this node.',
      registers: [registry],
      collect() {
        this.set(active());
      },
    });
  }
}

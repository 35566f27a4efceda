import type { OperationTimer } from '@streampool/state';
import { DurationHistogram, type Observe } from './duration-histogram.ts';

/** How long the state takes, by what it was asked. */
export class StateMeter extends DurationHistogram {
  constructor() {
    super({
      name: 'streampool_state_operation_duration_seconds',
      help: 'Time that operations of the state took, as their callers saw it.',
      labelNames: ['backend', 'operation', 'outcome'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    });
  }

  /** For `measuredState`. `backend`: `sqlite` or `redis`. */
  timers(backend: string): (operation: string) => OperationTimer {
    return (operation) => {
      // Made when they are first needed: most operations are never refused, and each outcome has its series.
      let done: Observe | undefined;
      const others = new Map<string, Observe>();
      return (ms, outcome) => {
        if (outcome === 'ok') {
          done ??= this.of(backend, operation, outcome);
          done(ms);
          return;
        }
        const observe = others.get(outcome) ?? this.of(backend, operation, outcome);
        others.set(outcome, observe);
        observe(ms);
      };
    };
  }
}

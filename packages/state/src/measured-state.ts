import { isStreampoolError } from '@streampool/errors';

/** `refused`: the store answered with an error of the catalogue; `unavailable`: it did not answer; `failed`: anything else. */
export type OperationOutcome = 'ok' | 'refused' | 'unavailable' | 'failed';

/** Told how long one call took. */
export type OperationTimer = (ms: number, outcome: OperationOutcome) => void;

/** It waits for as long as it may: how long says nothing of the store. */
const WAITING = 'waitForEvents';

type Call = (this: unknown, ...args: unknown[]) => unknown;

/**
 * The same state, whose operations are timed: whatever answers with a promise, that of its parts (`sessions.start`)
 * included. `timerOf` is asked once for each operation.
 */
export function measuredState<T extends object>(
  state: T,
  timerOf: (operation: string) => OperationTimer,
  prefix = '',
): T {
  const wrapped = new Map<PropertyKey, { readonly of: unknown; readonly as: unknown }>();
  return new Proxy(state, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      const known = wrapped.get(name);
      if (known !== undefined && known.of === value) return known.as;
      let as = value;
      if (typeof name === 'string') {
        const timer = (): OperationTimer => (name === WAITING ? () => {} : timerOf(prefix + name));
        if (typeof value === 'function') as = timed(target, value as Call, timer());
        else if (typeof value === 'object' && value !== null && !Array.isArray(value))
          as = measuredState(value, timerOf, `${prefix}${name}.`);
      }
      wrapped.set(name, { of: value, as });
      return as;
    },
  });
}

function timed(target: object, operation: Call, timer: OperationTimer): Call {
  return (...args) => {
    const startedMs = performance.now();
    const answer = operation.apply(target, args);
    if (!(answer instanceof Promise)) return answer;
    return answer.then(
      (value: unknown) => {
        timer(performance.now() - startedMs, 'ok');
        return value;
      },
      (error: unknown) => {
        timer(performance.now() - startedMs, outcomeOf(error));
        throw error;
      },
    );
  };
}

function outcomeOf(error: unknown): OperationOutcome {
  if (isStreampoolError(error, 'STATE_UNAVAILABLE')) return 'unavailable';
  return isStreampoolError(error) ? 'refused' : 'failed';
}

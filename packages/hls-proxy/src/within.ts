import type { Clock } from '@streampool/streaming';

/**
 * Waits for `promise` for `ms` at most. Undefined: it has not settled by then; its rejection is nobody's affair any
 * more. @throws what it rejects with; the signal's reason
 */
export function within<T>(
  promise: Promise<T>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const over = (): void => {
      cancel();
      signal.removeEventListener('abort', leave);
    };
    const leave = (): void => {
      over();
      reject(signal.reason);
    };
    const cancel = clock.after(Math.max(0, ms), () => {
      over();
      resolve(undefined);
    });
    signal.addEventListener('abort', leave);
    promise.then(
      (value) => {
        over();
        resolve(value);
      },
      (error: unknown) => {
        over();
        reject(error);
      },
    );
  });
}

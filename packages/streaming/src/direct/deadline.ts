import { StreampoolError } from '@streampool/errors';

/**
 * Runs something that can be stopped by a signal, and stops it after `ms` with UPSTREAM_TIMEOUT, or earlier when
 * `outer` aborts, with that one's reason.
 */
export async function within<T>(
  ms: number,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const inner = new AbortController();
  const timer = setTimeout(() => inner.abort(tooLate(ms)), ms);
  const giveUp = (): void => inner.abort(outer.reason);
  outer.addEventListener('abort', giveUp);
  try {
    return await run(inner.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', giveUp);
  }
}

function tooLate(ms: number): StreampoolError {
  return new StreampoolError('UPSTREAM_TIMEOUT', `The provider sent no media within ${Math.round(ms)} ms`);
}

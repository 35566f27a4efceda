import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** What is waited for, for the error. A function is asked when time is up. */
  readonly what?: string | (() => string);
}

/**
 * Asks until the answer is truthy, and resolves with it.
 * @throws Error when `timeoutMs` is over; an error thrown by the condition is passed on at once.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 20, what }: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, undefined | null | false | 0 | ''>;
    if (performance.now() > deadline) {
      const description = typeof what === 'function' ? what() : (what ?? condition.toString());
      throw new Error(`not within ${timeoutMs} ms: ${description}`);
    }
    await delay(everyMs);
  }
}

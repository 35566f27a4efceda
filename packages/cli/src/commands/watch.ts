import { type ApiClient, CommandProblem } from '../api/client.ts';
import { Screen, type ScreenDevice } from '../output/screen.ts';
import { inSeconds } from './in-seconds.ts';
import type { Ask } from './reports.ts';

/** Where a watching command runs; the process's own but for tests. */
export interface Surroundings {
  readonly output: ScreenDevice & {
    readonly isTTY?: boolean;
    on(event: string, listener: () => void): unknown;
  };
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Resolves after that many ms, or when the signal is aborted; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** ms since the epoch. */
  readonly now: () => number;
}

export const WATCH_EVERY_MS = 2_000;
/** More often would be a load, and no eye could follow. */
const LEAST_MS = 200;
const MOST_MS = 3_600_000;

/**
 * Asks again and again: on a terminal the newest answer is drawn over the one before; elsewhere blocks follow one another, or,
 * with `json`, one line each. A server that does not answer for a while (a restart) is said so and asked again; only
 * the first question must be answered. Resolves when the signal is aborted. @throws CommandProblem
 */
export async function watch(
  ask: Ask,
  api: ApiClient,
  options: { readonly json?: boolean; readonly watch?: string | true },
  { output, signal, sleep, now }: Surroundings,
): Promise<void> {
  const everyMs =
    typeof options.watch === 'string'
      ? inSeconds('--watch', options.watch, { leastMs: LEAST_MS, mostMs: MOST_MS })
      : WATCH_EVERY_MS;
  const isDrawn = output.isTTY === true && !options.json;
  const screen = new Screen(output);
  let last: { text: (width?: number) => string; atMs: number } | undefined;
  const frame = (width?: number): string =>
    last === undefined ? '' : `${headline(last.atMs, everyMs)}\n\n${last.text(width)}`;
  const redraw = (): void => {
    if (isDrawn && last && !signal.aborted) screen.draw(frame(output.columns));
  };
  output.on('resize', redraw);
  try {
    while (!signal.aborted) {
      const begunMs = now();
      const report = await untilAborted(
        ask(api).catch((error: unknown) => problem(error, last !== undefined)),
        signal,
      );
      if (!report) break;
      const isFirst = last === undefined;
      last = { text: (width) => report.text(width), atMs: now() };
      if (options.json) output.write(`${JSON.stringify(report.answer)}\n`);
      else if (isDrawn) redraw();
      else output.write(`${isFirst ? '' : '\n'}${frame()}\n`);
      await sleep(Math.max(0, everyMs - (now() - begunMs)), signal);
    }
  } finally {
    screen.close();
    // The terminal's first page comes back: the newest answer stays to be read.
    if (isDrawn && last) output.write(`${frame(output.columns)}\n`);
  }
}

function headline(atMs: number, everyMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC, every ${everyMs / 1000} s`;
}

/** What cannot be asked now is shown in the place of an answer. */
function problem(error: unknown, isShown: boolean): { answer: unknown; text: () => string } {
  if (!(error instanceof CommandProblem) || !isShown) throw error;
  return { answer: { code: error.code, detail: error.message }, text: () => error.message };
}

/** Undefined if the signal came first. What comes later is nobody's any more, an error included. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

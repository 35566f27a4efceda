import { pause } from '../serve/pause.ts';
import type { Surroundings } from './watch.ts';

/** The terminal (or pipe) of this process, until Ctrl-C, SIGTERM, or the end of whoever reads. */
export function processSurroundings(): Surroundings {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, abort);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `streampool streams --watch | head`: there is nobody to tell.
    if (error.code !== 'EPIPE') throw error;
    abort();
  });
  return {
    output: process.stdout,
    signal: controller.signal,
    now: Date.now,
    sleep: pause,
  };
}

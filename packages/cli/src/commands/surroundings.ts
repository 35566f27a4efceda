import { pause } from '../serve/pause.ts';
import type { Surroundings } from './watch.ts';

/**
 * The terminal (or pipe) of this process, until whoever reads has ended. `lasting`: until Ctrl-C or SIGTERM, too, for what
 * has something to put right then; anything else just ends by them.
 */
export function processSurroundings({ lasting }: { lasting: boolean }): Surroundings {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (lasting) for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, abort);
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

/**
 * Loaded into a server under test by `--import` (see `countTimers`): at SIGUSR2 it writes how many timers are alive, with
 * and without a hold on the process, to the file that TIMER_COUNT_FILE names. Nothing of the product knows of it.
 */
import { createHook } from 'node:async_hooks';
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.TIMER_COUNT_FILE;
if (isMainThread && file) {
  const timers = new Set<number>();
  createHook({
    init(id, type) {
      if (type === 'Timeout') timers.add(id);
    },
    destroy(id) {
      timers.delete(id);
    },
  }).enable();
  process.on('SIGUSR2', () => writeFileSync(file, `${timers.size}\n`));
}

import type { ClusterState } from '@streampool/state';
import { lookUpProcess } from './process-table.ts';

/**
 * Removes workers of this host whose processes have ended, without waiting for their heartbeats to grow old: called at
 * the start of a process, whose predecessor may have been killed a moment ago. What they owned becomes free, and their
 * FFmpegs are listed for {@link ProcessReaper}. Pids of other hosts are never looked at.
 * @returns the ids of the removed workers
 */
export async function removeEndedWorkers(
  state: ClusterState,
  options: { host: string; lookUp?: (pid: number) => unknown },
): Promise<string[]> {
  const { host, lookUp = lookUpProcess } = options;
  const removed: string[] = [];
  for (const worker of await state.listWorkers()) {
    if (worker.host !== host || worker.pid === process.pid || lookUp(worker.pid) !== undefined) continue;
    if (await state.removeWorker(worker.id)) removed.push(worker.id);
  }
  return removed;
}

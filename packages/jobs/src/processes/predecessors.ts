import { type ClusterState, processStartTicks, type WorkerRecord } from '@streampool/state';

export interface PredecessorOptions {
  /** This host, as its workers call it. */
  readonly host: string;
  /** See `processStartTicks`. */
  readonly startTicks?: (pid: number) => number | undefined;
  /** Whether any process has that pid: where there is no /proc. */
  readonly exists?: (pid: number) => boolean;
}

/**
 * Removes workers of this host whose processes have ended, without waiting for their heartbeats to grow old: called by a
 * process before it registers itself, whose predecessor may have been killed a moment ago. What they owned becomes free,
 * and their FFmpegs are listed for {@link ProcessReaper}. Pids of other hosts are never looked at.
 * @returns the ids of the removed workers
 */
export async function removeEndedWorkers(
  state: ClusterState,
  options: PredecessorOptions,
): Promise<string[]> {
  const removed: string[] = [];
  for (const worker of await state.listWorkers()) {
    if (worker.host !== options.host || !hasEnded(worker, options)) continue;
    if (await state.removeWorker(worker.id)) removed.push(worker.id);
  }
  return removed;
}

function hasEnded(worker: WorkerRecord, options: PredecessorOptions): boolean {
  const { startTicks = processStartTicks, exists = pidExists } = options;
  // In a container that restarts, the successor mostly gets the pid of its predecessor.
  if (worker.pid === process.pid)
    return worker.startTicks === undefined || worker.startTicks !== startTicks(process.pid);
  if (startTicks(process.pid) === undefined) return !exists(worker.pid);
  const ticks = startTicks(worker.pid);
  return ticks === undefined || (worker.startTicks !== undefined && worker.startTicks !== ticks);
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

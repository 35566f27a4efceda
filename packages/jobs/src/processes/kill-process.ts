import { pause, systemTimers, type Timers } from '../scheduler/timers.ts';
import { lookUpProcess, type ProcessInfo } from './process-table.ts';

export interface KillOptions {
  /** From SIGTERM to SIGKILL, in ms. */
  readonly graceMs?: number;
  /** From SIGKILL until it is given up, in ms: only the kernel can hold a process then. */
  readonly reapMs?: number;
  readonly timers?: Timers;
  readonly signal?: AbortSignal;
}

const POLL_MS = 50;

/**
 * Ends a process that is not our child, with its group if it leads one: SIGTERM, then SIGKILL. Before each signal it is
 * made sure that the pid still is that process. True once it is gone.
 */
export async function killProcess(target: ProcessInfo, options: KillOptions = {}): Promise<boolean> {
  const { graceMs = 2_000, reapMs = 2_000, timers = systemTimers, signal } = options;
  for (const [name, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', reapMs],
  ] as const) {
    if (!isRunning(target)) return true;
    send(target, name);
    const deadline = timers.now() + waitMs;
    while (timers.now() < deadline && !signal?.aborted) {
      if (!isRunning(target)) return true;
      await pause(timers, POLL_MS, signal);
    }
  }
  return !isRunning(target);
}

function isRunning(target: ProcessInfo): boolean {
  const now = lookUpProcess(target.pid);
  return now !== undefined && now.startTicks === target.startTicks && now.state !== 'Z';
}

function send(target: ProcessInfo, name: NodeJS.Signals): void {
  try {
    process.kill(target.group === target.pid ? -target.pid : target.pid, name);
  } catch {
    // ESRCH: gone by itself. EPERM: another user's, which the deadline will show.
  }
}

import { readFileSync } from 'node:fs';
import { startTicksOf } from '@streampool/state';

/** A process of this host as /proc shows it (proc(5)). */
export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  /** The process group; a leader's is its own pid. */
  readonly group: number;
  /** One letter; Z is a zombie, which has ended and only waits for its parent. */
  readonly state: string;
  /** Clock ticks since boot: with the pid, the process's identity. */
  readonly startTicks: number;
  readonly args: readonly string[];
}

/** The process with that pid, or undefined if there is none, or this system has no /proc. */
export function lookUpProcess(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const startTicks = startTicksOf(stat);
    const [state = '', ppid, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (startTicks === undefined) return undefined;
    return { pid, ppid: Number(ppid), group: Number(group), state, startTicks, args };
  } catch {
    // It ended between the two reads, or before.
    return undefined;
  }
}

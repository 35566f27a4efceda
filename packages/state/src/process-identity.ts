import { readFileSync } from 'node:fs';

/**
 * When a process of this host started, in clock ticks since boot: field 22 of /proc/<pid>/stat (proc(5)). With its pid
 * it names a process for good. Undefined where there is no such process, or no /proc.
 */
export function processStartTicks(pid: number): number | undefined {
  try {
    return startTicksOf(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The same from the text of a stat file. The second field is the program's name, which may hold spaces and brackets. */
export function startTicksOf(stat: string): number | undefined {
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

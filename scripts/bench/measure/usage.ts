import { readFileSync } from 'node:fs';
import { descendants, processInfo } from '@streampool/testkit';

/** What a server and the processes below it have used up to a moment. */
export interface Usage {
  readonly atMs: number;
  /** User + system seconds of the server process alone. */
  readonly cpuSeconds: number;
  /** The same of its living descendants (FFmpeg, workers). */
  readonly childrenCpuSeconds: number;
  readonly rssBytes: number;
  readonly childrenRssBytes: number;
  readonly children: readonly { pid: number; name: string }[];
  /** Memory of all TCP sockets of the host: the kernel's, both ends. */
  readonly tcpBytes: number;
}

/** Samples a process. `withChildren`: its workers do its work (nginx), so their use is counted as the server's own. */
export function usageOf(pid: number, { withChildren = false } = {}): Usage {
  const own = processInfo(pid);
  if (!own) throw new Error(`process ${pid} is gone`);
  const below = descendants(pid);
  const childrenCpu = below.reduce((sum, child) => sum + child.cpuSeconds, 0);
  const childrenRss = below.reduce((sum, child) => sum + child.rssBytes, 0);
  return {
    atMs: performance.now(),
    cpuSeconds: own.cpuSeconds + (withChildren ? childrenCpu : 0),
    childrenCpuSeconds: withChildren ? 0 : childrenCpu,
    rssBytes: own.rssBytes + (withChildren ? childrenRss : 0),
    childrenRssBytes: withChildren ? 0 : childrenRss,
    children: below.map((child) => ({ pid: child.pid, name: child.name })),
    tcpBytes: tcpMemory(),
  };
}

function tcpMemory(): number {
  const [, pages = '0'] = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8')) ?? [];
  return Number(pages) * 4096;
}

/**
 * Seconds of CPU that the whole host has used, and what a process and its living descendants have (a
 * benchmark starts all that belongs to it): the difference between two moments is what others took away from the measurement.
 */
export function hostUsage(pid: number): { busySeconds: number; ownSeconds: number } {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .split('\n')[0]!
    .split(/ +/)
    .map(Number);
  const own = [processInfo(pid) ?? [], descendants(pid)].flat();
  return {
    busySeconds: (user + nice + system + irq + softirq + steal) / 100,
    ownSeconds: own.reduce((sum, info) => sum + info.cpuSeconds, 0),
  };
}

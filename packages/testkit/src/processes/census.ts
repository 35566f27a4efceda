import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process as /proc shows it. Linux only, as is all of this file. */
export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  /** Name of the executable, at most 15 characters. */
  readonly name: string;
  /** One letter: R running, S sleeping, D waiting, T stopped, Z zombie. */
  readonly state: string;
  readonly args: readonly string[];
  /** User and system time used so far, without children, in seconds. */
  readonly cpuSeconds: number;
  /** The same of children that have ended and were waited for. */
  readonly childrenCpuSeconds: number;
  readonly rssBytes: number;
  readonly threads: number;
}

/** USER_HZ, which Linux keeps at 100 for everything it shows to programs. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** The process, or undefined if there is none (any more). */
export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const open = stat.indexOf('(');
    const close = stat.lastIndexOf(')');
    const field = stat.slice(close + 2).split(' ');
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return {
      pid,
      name: stat.slice(open + 1, close),
      state: field[0]!,
      ppid: Number(field[1]),
      args,
      cpuSeconds: (Number(field[11]) + Number(field[12])) / TICKS_PER_SECOND,
      childrenCpuSeconds: (Number(field[13]) + Number(field[14])) / TICKS_PER_SECOND,
      threads: Number(field[17]),
      rssBytes: Number(field[21]) * PAGE_BYTES,
    };
  } catch {
    return undefined;
  }
}

/** True while the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const info = processInfo(pid);
  return info !== undefined && info.state !== 'Z';
}

/** Sends a signal to a process. False if it has gone meanwhile. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export function allProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => processInfo(Number(entry)) ?? []);
}

/** Children, grandchildren and so on, without zombies. */
export function descendants(pid: number): ProcessInfo[] {
  const all = allProcesses().filter((info) => info.state !== 'Z');
  const found: ProcessInfo[] = [];
  const queue = [pid];
  for (let parent = queue.shift(); parent !== undefined; parent = queue.shift()) {
    const children = all.filter((info) => info.ppid === parent);
    found.push(...children);
    queue.push(...children.map((child) => child.pid));
  }
  return found;
}

/** The ffmpeg processes below a process: what "exactly one FFmpeg" is counted by. */
export function ffmpegsOf(pid: number): ProcessInfo[] {
  return descendants(pid).filter((info) => info.name === 'ffmpeg');
}

/**
 * Processes whose environment has `name=value`, whoever their parent is by now: finds what outlived a killed parent
 * when the parent was started with a mark of its own. Zombies do not count.
 */
export function processesMarked(name: string, value: string): ProcessInfo[] {
  const mark = `${name}=${value}`;
  return allProcesses().filter((info) => environmentOf(info).includes(mark));
}

/**
 * Processes whose PATH has that entry. Programs that keep their environment to themselves (Streampool does, before FFmpeg)
 * pass on PATH all the same, so an entry that leads nowhere marks everything that a process starts. Zombies do not count.
 */
export function processesWithPath(entry: string): ProcessInfo[] {
  return allProcesses().filter((info) =>
    environmentOf(info).some((text) => text.startsWith('PATH=') && text.slice(5).split(':').includes(entry)),
  );
}

/** `name=value` each; none of a zombie, or of what has gone. */
function environmentOf({ pid, state }: ProcessInfo): string[] {
  if (state === 'Z') return [];
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

export interface OpenFile {
  readonly fd: number;
  /** What the descriptor points at: a path, `socket:[…]`, `pipe:[…]`, `anon_inode:…`. */
  readonly target: string;
}

/** The open file descriptors of a process; none if it has gone. */
export function openFiles(pid: number): OpenFile[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).flatMap((fd) => {
      try {
        return [{ fd: Number(fd), target: readlinkSync(`${directory}/${fd}`) }];
      } catch {
        return []; // closed since it was listed
      }
    });
  } catch {
    return [];
  }
}

/** Number of open descriptors by kind: a leak test compares two of these. */
export function countFiles(pid: number): { sockets: number; pipes: number; files: number; total: number } {
  const targets = openFiles(pid).map((file) => file.target);
  const sockets = targets.filter((target) => target.startsWith('socket:')).length;
  const pipes = targets.filter((target) => target.startsWith('pipe:')).length;
  const files = targets.filter((target) => target.startsWith('/')).length;
  return { sockets, pipes, files, total: targets.length };
}

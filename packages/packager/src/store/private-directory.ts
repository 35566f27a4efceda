import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const NAME = /^streampool-(.+)-(\d+)-(\d+)-[^-]+$/;

/**
 * Makes a directory of this process alone below `root`. Its name says whose it is: host, process id and the time the process
 * was started, since ids are given out again.
 */
export async function openPrivateDirectory(root: string): Promise<string> {
  await mkdir(root, { recursive: true });
  const name = `streampool-${hostname()}-${process.pid}-${(await startOf(process.pid)) ?? 0}-`;
  // The last letters nobody can guess: below a directory that is everybody's, nobody can have made it before.
  return mkdtemp(join(root, name));
}

/**
 * Removes what processes of this host left behind below `root` that were killed. Those of other hosts, for which the
 * directory may be shared, are theirs to judge. Resolves with how many there were; never rejects.
 */
export async function removeLeftovers(root: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(root).catch(() => [])) {
    const [, host, pid, start] = NAME.exec(name) ?? [];
    if (host !== hostname()) continue;
    const running = await startOf(Number(pid));
    if (running === undefined ? isThere(Number(pid)) : `${running}` === start) continue;
    await rm(join(root, name), { recursive: true, force: true }).catch(() => {});
    removed += 1;
  }
  return removed;
}

/** When a process was started, in ticks since the boot (proc(5)); undefined where that cannot be known, or there is none. */
async function startOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in the second field may hold spaces and brackets.
  const start = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return start === undefined ? undefined : Number(start);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

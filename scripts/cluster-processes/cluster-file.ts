import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface RunningNode {
  readonly id: string;
  readonly pid: number;
  readonly url: string;
}

/** What runs, for scripts and for operators. */
export interface ClusterFile {
  /** Of the process that started the others, and ends them. */
  readonly pid: number;
  readonly redisUrl: string;
  readonly gateways: readonly RunningNode[];
  readonly workers: readonly RunningNode[];
}

const PATH = join(resolve(process.env.STREAMPOOL_DATA_DIR ?? 'data'), 'cluster.json');

/** Appears whole or not at all: it says that everything is ready. */
export async function writeClusterFile(cluster: ClusterFile): Promise<string> {
  await mkdir(dirname(PATH), { recursive: true });
  await writeFile(`${PATH}.new`, `${JSON.stringify(cluster, null, 2)}\n`, { mode: 0o600 });
  await rename(`${PATH}.new`, PATH);
  return PATH;
}

export async function readClusterFile(): Promise<ClusterFile | undefined> {
  try {
    return JSON.parse(await readFile(PATH, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function removeClusterFile(): Promise<void> {
  await rm(PATH, { force: true });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

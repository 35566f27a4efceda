import { setTimeout as delay } from 'node:timers/promises';
import { api, Cluster, type ProcessInfo } from '@streampool/testkit';
import { startServer } from '../servers/streampool.ts';

/** What is under test: one node, or a cluster of them. */
export interface Site {
  /** Where the API is asked, and where viewers come in. */
  readonly doors: readonly { readonly url: string }[];
  /** FFmpeg processes of any node, also of nodes that have died. */
  ffmpegs(): ProcessInfo[];
  /** The processes that serve now. */
  nodes(): readonly { readonly name: string; readonly pid: number }[];
  /** Kills a worker (`which` picks one) and resolves with its name; it is started again before `restarted` settles. */
  killWorker?(which: number): Promise<{ name: string; restarted: Promise<void> }>;
  logs(): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** A killed worker is started again after this, as a supervisor would. */
const RESTART_MS = 3_000;

const ENV = { NODE_ENV: 'production', LOG_LEVEL: 'info', LOG_FORMAT: 'json' };

export async function singleNode(env: Readonly<Record<string, string>>): Promise<Site> {
  const server = await startServer({ ...ENV, ...env }, { readyTimeoutMs: 60_000 });
  return {
    doors: [server],
    ffmpegs: () => server.offspring().filter(({ name }) => name === 'ffmpeg'),
    nodes: () => [{ name: 'node', pid: server.pid }],
    logs: () => ({ node: server.logs() }),
    close: async () => {
      await server.stop();
    },
  };
}

/** Two gateways, where all viewers are, three workers, and their Redis. */
export async function clusterOfNodes(env: Readonly<Record<string, string>>): Promise<Site> {
  const cluster = await Cluster.start({ gateways: 2, workers: 3, env: { ...ENV, ...env } });
  return {
    doors: cluster.gateways,
    ffmpegs: () => cluster.ffmpegs(),
    nodes: () => cluster.nodes.filter(({ running }) => running).map(({ name, pid }) => ({ name, pid })),
    killWorker: async (which) => {
      const worker = cluster.workers[which % cluster.workers.length]!;
      await worker.kill();
      return { name: worker.name, restarted: delay(RESTART_MS).then(() => worker.start()) };
    },
    logs: () => Object.fromEntries(cluster.nodes.map((node) => [node.name, node.logs()])),
    close: () => cluster.close(),
  };
}

/** The state of a stream as the API tells it. */
export async function stateOf(site: Site, streamId: string): Promise<string> {
  const { body } = await api(site.doors[0]!, 'GET', `/streams/${streamId}`);
  return (body as { stream?: { state?: string } }).stream?.state ?? 'unknown';
}

import { randomUUID } from 'node:crypto';
import { type ProcessInfo, processesWithPath } from '../processes/census.ts';
import { RedisServer } from '../processes/redis-server.ts';
import { waitFor } from '../processes/wait-for.ts';
import { ClusterNode } from './cluster-node.ts';

export interface ClusterOptions {
  readonly gateways: number;
  readonly workers: number;
  /** Added to each node's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Each node's ways to Redis and from its peers lead through proxies of its own. */
  readonly proxied?: boolean;
  readonly readyTimeoutMs?: number;
}

/** A whole cluster as processes of this machine, with a Redis of its own. */
export class Cluster {
  readonly redis: RedisServer;
  readonly gateways: ClusterNode[] = [];
  readonly workers: ClusterNode[] = [];
  /** The secret that its nodes share. */
  readonly token = `a-secret-of-this-cluster-${randomUUID()}`;
  /** An entry of PATH that leads nowhere: everything that any node starts has it. */
  readonly #mark = `/nonexistent/${randomUUID()}`;

  private constructor(redis: RedisServer) {
    this.redis = redis;
  }

  /** Resolves when all nodes are ready and know of each other. */
  static async start({
    gateways,
    workers,
    env = {},
    proxied = false,
    readyTimeoutMs = 100_000,
  }: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(await RedisServer.start({ listen: 'tcp' }));
    const node = async (role: 'gateway' | 'worker', index: number): Promise<ClusterNode> =>
      ClusterNode.start({
        ...{ role, name: `${role}-${index}`, redis: cluster.redis, proxied, readyTimeoutMs },
        env: {
          PATH: `${process.env.PATH}:${cluster.#mark}`,
          INTERNAL_TOKEN: cluster.token,
          HARDWARE_ENCODERS: 'none',
          ...env,
        },
      });
    const started = await Promise.allSettled([
      ...Array.from({ length: workers }, (_, index) => node('worker', index)),
      ...Array.from({ length: gateways }, (_, index) => node('gateway', index)),
    ]);
    const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    cluster.workers.push(...nodes.filter(({ role }) => role === 'worker'));
    cluster.gateways.push(...nodes.filter(({ role }) => role === 'gateway'));
    try {
      for (const result of started) if (result.status === 'rejected') throw result.reason;
      await waitFor(async () => (await cluster.redis.command('HLEN', 'workers')) === `:${nodes.length}`, {
        what: 'all nodes being registered',
      });
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get nodes(): ClusterNode[] {
    return [...this.workers, ...this.gateways];
  }

  /** FFmpeg processes that any node has started and that are alive, those of killed nodes included. */
  ffmpegs(): ProcessInfo[] {
    return processesWithPath(this.#mark).filter(({ name }) => name === 'ffmpeg');
  }

  /** `stream:<id>` as operators see it. Empty if there is none. @throws Error when Redis is away */
  async record(streamId: string): Promise<Readonly<Record<string, string>>> {
    const lines = (await this.redis.command('HGETALL', `stream:${streamId}`)).split('\r\n');
    // *<n>, and then of each field and value its length and itself.
    const texts = lines.filter((_, index) => index > 0 && index % 2 === 0);
    const pairs = texts.flatMap((text, index) => (index % 2 === 0 ? [[text, texts[index + 1] ?? '']] : []));
    return Object.fromEntries(pairs);
  }

  /** The worker that owns a stream by the records. @throws Error when none does */
  async ownerOf(streamId: string): Promise<ClusterNode> {
    const { owner } = await this.record(streamId);
    const worker = this.workers.find(({ name }) => name === owner);
    if (!worker) throw new Error(`no worker owns ${streamId} (owner: ${owner ?? 'none'})`);
    return worker;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.redis.close();
  }
}

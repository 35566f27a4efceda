import { FaultyTcpProxy } from '../network/faulty-tcp-proxy.ts';
import type { RedisServer } from '../processes/redis-server.ts';
import { freePort, type StreampoolProcess, startStreampool } from '../processes/streampool.ts';

export interface ClusterNodeOptions {
  readonly role: 'gateway' | 'worker';
  /** WORKER_ID. */
  readonly name: string;
  readonly redis: RedisServer;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Its ways to Redis and from its peers lead through proxies, which can fail. */
  readonly proxied: boolean;
  readonly readyTimeoutMs: number;
}

/** A gateway or worker as a process of its own that keeps its name and its port over restarts. */
export class ClusterNode {
  readonly name: string;
  readonly role: 'gateway' | 'worker';
  readonly port: number;
  readonly #options: ClusterNodeOptions;
  readonly #toRedis: FaultyTcpProxy | undefined;
  readonly #fromPeers: FaultyTcpProxy | undefined;
  #process: StreampoolProcess | undefined;
  #env: Readonly<Record<string, string | undefined>> = {};
  /** Of processes that have ended. */
  #pastLogs = '';

  private constructor(
    options: ClusterNodeOptions,
    port: number,
    proxies: readonly [FaultyTcpProxy, FaultyTcpProxy] | undefined,
  ) {
    this.name = options.name;
    this.role = options.role;
    this.port = port;
    this.#options = options;
    this.#toRedis = proxies?.[0];
    this.#fromPeers = proxies?.[1];
  }

  /** Resolves when it is ready to serve. */
  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    const port = await freePort();
    const proxies = options.proxied
      ? ([
          await FaultyTcpProxy.start(options.redis.address),
          await FaultyTcpProxy.start({ host: '127.0.0.1', port }),
        ] as const)
      : undefined;
    const node = new ClusterNode(options, port, proxies);
    try {
      await node.start();
    } catch (error) {
      await node.close();
      throw error;
    }
    return node;
  }

  /** Where viewers reach it, past all proxies. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Its own way to Redis. @throws Error unless `proxied` */
  get toRedis(): FaultyTcpProxy {
    if (!this.#toRedis) throw new Error('the nodes of this cluster have no proxies');
    return this.#toRedis;
  }

  /** The way that other nodes take to it. @throws Error unless `proxied` */
  get fromPeers(): FaultyTcpProxy {
    if (!this.#fromPeers) throw new Error('the nodes of this cluster have no proxies');
    return this.#fromPeers;
  }

  /** What all its processes have written. */
  logs(): string {
    return this.#pastLogs + (this.#process?.logs() ?? '');
  }

  /** Settings of the processes that it is started as from now on, beside those of its cluster. */
  configure(env: Readonly<Record<string, string | undefined>>): void {
    this.#env = env;
  }

  /** Resolves when it is ready to serve. Does nothing while it runs. */
  async start(): Promise<void> {
    if (this.running) return;
    this.#pastLogs = this.logs();
    const { role, name, redis, env, readyTimeoutMs } = this.#options;
    this.#process = await startStreampool({
      ...{ args: [role], port: this.port, readyTimeoutMs },
      env: {
        WORKER_ID: name,
        REDIS_URL: this.#toRedis ? `redis://127.0.0.1:${this.#toRedis.port}` : redis.url,
        ...(this.#fromPeers && { WORKER_URL: this.#fromPeers.url }),
        ...env,
        ...this.#env,
      },
    });
  }

  /** SIGTERM, and SIGKILL after `timeoutMs`. Resolves with the exit code (null: by signal). */
  async stop(timeoutMs?: number): Promise<number | null> {
    return (await this.#process?.stop(timeoutMs)) ?? null;
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** SIGSTOP: it is there, and does nothing. */
  suspend(): void {
    this.#running().signal('SIGSTOP');
  }

  continue(): void {
    this.#running().signal('SIGCONT');
  }

  /** Ends it with its proxies, without the notices that an orderly stop gives. Idempotent. */
  async close(): Promise<void> {
    await this.kill();
    await Promise.all([this.#toRedis?.close(), this.#fromPeers?.close()]);
  }

  #running(): StreampoolProcess {
    if (!this.#process) throw new Error(`${this.name} does not run`);
    return this.#process;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisClusterState } from '@streampool/state';
import {
  type CreatedStream,
  createStream,
  FakeProvider,
  ffmpegsOf,
  makeSample,
  Player,
  type Sample,
  type StreampoolProcess,
  startStreampool,
  waitFor,
} from '@streampool/testkit';
import { TIMES } from '../e2e/stage.ts';

/** Gateways and workers as processes of their own, their Redis, a provider and viewers. */
export class ClusterStage {
  readonly gateways: StreampoolProcess[] = [];
  readonly workers: StreampoolProcess[] = [];
  provider!: FakeProvider;
  sample!: Sample;
  /** What operators would see in Redis. */
  state!: RedisClusterState;
  readonly #directory = mkdtempSync(join(tmpdir(), 'streampool-cluster-'));
  readonly #players: Player[] = [];
  #redis: ChildProcess | undefined;

  async open({ gateways, workers }: { gateways: number; workers: number }): Promise<void> {
    const redisUrl = await this.#startRedis();
    this.state = new RedisClusterState({ url: redisUrl });
    this.sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 1_400, constantRate: true });
    this.provider = await FakeProvider.start();
    const node = (role: string, name: string): Promise<StreampoolProcess> =>
      startStreampool({
        args: [role],
        // Five processes that start at once, maybe on a busy machine.
        readyTimeoutMs: 50_000,
        env: {
          ...TIMES,
          STREAM_TIMEOUT: '6',
          REDIS_URL: redisUrl,
          INTERNAL_TOKEN: 'a-secret-of-this-test',
          WORKER_ID: name,
          HEARTBEAT_INTERVAL: '1',
          HARDWARE_ENCODERS: 'none',
        },
      });
    const [w, g] = await Promise.all([
      Promise.all(Array.from({ length: workers }, (_, i) => node('worker', `worker-${i}`))),
      Promise.all(Array.from({ length: gateways }, (_, i) => node('gateway', `gateway-${i}`))),
    ]);
    this.workers.push(...w);
    this.gateways.push(...g);
    await waitFor(async () => (await this.state.listWorkers()).length === workers + gateways, {
      what: 'all nodes being registered',
    });
  }

  create(kind: 'streams' | 'transcode', body: Readonly<Record<string, unknown>>): Promise<CreatedStream> {
    return createStream(this.gateways[0]!, kind, body);
  }

  /** Watches a stream at that node. */
  play(node: StreampoolProcess, streamId: string): Player {
    const player = new Player(`${node.url}/stream/${streamId}`);
    this.#players.push(player);
    return player;
  }

  /** The worker that owns a stream by the records. */
  async ownerOf(streamId: string): Promise<StreampoolProcess> {
    const owner = (await this.state.getStream(streamId))?.owner ?? '';
    return this.workers[Number(owner.replace('worker-', ''))]!;
  }

  /** FFmpeg processes of all nodes. */
  ffmpegs(): number[] {
    return [...this.gateways, ...this.workers].flatMap(({ pid }) => ffmpegsOf(pid).map((info) => info.pid));
  }

  async hangUp(): Promise<void> {
    await Promise.all(this.#players.splice(0).map((player) => player.close()));
  }

  async close(): Promise<void> {
    await this.hangUp();
    await Promise.all([...this.gateways, ...this.workers].map((node) => node.stop()));
    await this.state?.close();
    await this.provider?.close();
    if (this.#redis) {
      const gone = once(this.#redis, 'exit');
      this.#redis.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #startRedis(): Promise<string> {
    const path = join(this.#directory, 'redis.sock');
    const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no'];
    this.#redis = spawn('redis-server', args, { cwd: this.#directory, stdio: 'ignore' });
    await waitFor(
      async () => {
        const socket = createConnection(path);
        const connected = await once(socket, 'connect').then(
          () => true,
          () => false,
        );
        socket.destroy();
        return connected;
      },
      { what: 'redis-server' },
    );
    return `unix://${path}`;
  }
}

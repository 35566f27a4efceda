import type { StreamRecord } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  type CreatedStream,
  createStream,
  FakeProvider,
  makeSample,
  Player,
  type Sample,
  waitFor,
} from '@streampool/testkit';
import { TIMES } from '../e2e/stage.ts';

/** Gateways and workers as processes of their own, their Redis, a provider and viewers. */
export class ClusterStage {
  cluster!: Cluster;
  provider!: FakeProvider;
  sample!: Sample;
  /** What operators would see in Redis. */
  state!: RedisClusterState;
  readonly #players: Player[] = [];
  #proxied = false;

  async open({ env = {}, ...options }: ClusterOptions): Promise<void> {
    this.#proxied = options.proxied ?? false;
    this.sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 1_400, constantRate: true });
    this.provider = await FakeProvider.start();
    this.cluster = await Cluster.start({
      ...options,
      env: { ...TIMES, HEARTBEAT_INTERVAL: '1', ...env },
    });
    this.state = new RedisClusterState({ url: this.cluster.redis.url });
  }

  get gateways(): readonly ClusterNode[] {
    return this.cluster.gateways;
  }

  get workers(): readonly ClusterNode[] {
    return this.cluster.workers;
  }

  create(kind: 'streams' | 'transcode', body: Readonly<Record<string, unknown>>): Promise<CreatedStream> {
    return createStream(this.gateways[0]!, kind, body);
  }

  /** Watches a stream at that node. */
  play(node: ClusterNode, streamId: string): Player {
    const player = new Player(`${node.url}/stream/${streamId}`);
    this.#players.push(player);
    return player;
  }

  /** So many viewers, spread over the nodes, each of whom has seen a second of it. */
  async audience(nodes: readonly ClusterNode[], streamId: string, count: number): Promise<Player[]> {
    const players = Array.from({ length: count }, (_, i) => this.play(nodes[i % nodes.length]!, streamId));
    await Promise.all(players.map((player) => player.waitForMedia(1)));
    for (const player of players) player.resetGap();
    return players;
  }

  async record(streamId: string): Promise<StreamRecord> {
    const record = await this.state.getStream(streamId);
    if (!record) throw new Error(`there is no record of ${streamId}`);
    return record;
  }

  /** The worker that owns a stream by the records. */
  ownerOf(streamId: string): Promise<ClusterNode> {
    return this.cluster.ownerOf(streamId);
  }

  /** FFmpeg processes of all nodes, dead ones included. */
  ffmpegs(): number[] {
    return this.cluster.ffmpegs().map(({ pid }) => pid);
  }

  /** Resolves when the records of a stream say what is given; rejects with what they say instead. */
  async waitForRecord(
    streamId: string,
    wanted: Partial<StreamRecord>,
    timeoutMs = 30_000,
  ): Promise<StreamRecord> {
    let record: StreamRecord | undefined;
    const isWanted = async (): Promise<boolean> => {
      record = await this.state.getStream(streamId).catch(() => undefined);
      return Object.entries(wanted).every(([name, value]) => record?.[name as keyof StreamRecord] === value);
    };
    const what = (): string => `${JSON.stringify(wanted)} in the record, which is ${JSON.stringify(record)}`;
    await waitFor(isWanted, { timeoutMs, what });
    return record!;
  }

  /** Resolves when another worker plays the stream, under a higher epoch. */
  async waitForNewOwner(streamId: string, { owner, epoch }: StreamRecord): Promise<StreamRecord> {
    return waitFor(
      async () => {
        const record = await this.record(streamId);
        const isNew = record.owner !== undefined && record.owner !== owner && record.epoch > epoch;
        return isNew && record.state === 'live' && record;
      },
      { timeoutMs: 30_000, what: `another owner than ${owner}` },
    );
  }

  /** All viewers hang up. */
  async hangUp(): Promise<void> {
    await Promise.all(this.#players.splice(0).map((player) => player.close()));
  }

  /** Everybody runs again, and every network is right. */
  async repair(): Promise<void> {
    await this.hangUp();
    await this.cluster.redis.start();
    this.cluster.redis.continue();
    for (const node of this.cluster.nodes) {
      if (node.running) node.continue();
      await Promise.all(this.#proxied ? [node.toRedis.resume(), node.fromPeers.resume()] : []);
    }
    await Promise.all(this.cluster.nodes.map((node) => node.start()));
  }

  async close(): Promise<void> {
    await this.hangUp();
    await this.state?.close();
    await this.cluster?.close();
    await this.provider?.close();
  }
}

/** Every viewer still has its socket, and its stream had no error. */
export function expectUndisturbed(players: readonly Player[]): void {
  const seen = players.map(({ end, check: { syncErrors, continuityErrors, timestampErrors, notes } }) => ({
    ...{ end, syncErrors, continuityErrors, timestampErrors, notes },
  }));
  const wanted = { end: undefined, syncErrors: 0, continuityErrors: 0, timestampErrors: 0, notes: [] };
  expect(seen).toEqual(players.map(() => wanted));
}

/** The longest time that any of them was without bytes, ms. */
export function longestGap(players: readonly Player[]): number {
  return Math.max(...players.map((player) => player.longestGapMs));
}

import { setTimeout as delay } from 'node:timers/promises';
import { makeSample } from '../fixtures/sample.ts';
import { Player } from '../player/player.ts';
import { api, type CreatedStream, createStream } from '../processes/streampool-api.ts';
import { waitFor } from '../processes/wait-for.ts';
import { FakeProvider } from '../provider/fake-provider.ts';
import { seededRandom } from '../seeded-random.ts';

/** Servers under test: one, or a cluster. */
export interface ZappingSite {
  /** Where the API is. */
  readonly api: { readonly url: string };
  /** Where viewers may watch now. */
  doors(): readonly { readonly url: string }[];
  /** Kills something at random, and makes it come back later; what it was, or undefined where nothing may be killed now. */
  kill(random: () => number): Promise<string | undefined>;
}

export interface ZappingPlan {
  readonly steps: number;
  readonly seed: number;
  /** Connections that the provider allows at once. */
  readonly maxConnections: number;
  /** Who zap at the same time. More than connections: some are refused. */
  readonly viewers: number;
  /** The longest pause of a viewer between two steps, ms. */
  readonly pauseMs: number;
  /** How long after the end a slot may still be taken: a killed node's are free after its lease. */
  readonly settleMs: number;
  readonly onProgress?: (done: number) => void;
}

export interface ZappingResult {
  readonly seed: number;
  readonly steps: number;
  readonly zaps: number;
  /** Zaps that were answered with a picture, that were refused because of the limit, and others. */
  readonly pictures: number;
  readonly refusals: number;
  readonly otherAnswers: Readonly<Record<string, number>>;
  readonly kills: Readonly<Record<string, number>>;
  /** Cuts, stalls and failovers by request. */
  readonly faults: number;
  /** The most connections at once, as the provider counted them, and all there were. */
  readonly mostAtOnce: number;
  readonly connections: number;
  /** After everybody had left. */
  readonly leakedSlots: number;
  readonly leakedConnections: number;
}

interface Viewer {
  readonly user: string;
  player: Player | undefined;
  stream: CreatedStream | undefined;
}

const COPY = '-i {input_url} -c copy -f mpegts pipe:1';
const CHANNELS = 10;
const PICTURE_MS = 5_000;

/**
 * Viewers of a provider with few connections who zap at random, while sources are cut and stall, failovers are asked for
 * and processes are killed. What counts is what the provider saw.
 */
export async function runZapping(site: ZappingSite, plan: ZappingPlan): Promise<ZappingResult> {
  const random = seededRandom(plan.seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const provider = await FakeProvider.start();
  const sample = await makeSample({ seconds: 4, gopSeconds: 1 });
  // Every path below is a channel of its own; their connections are counted together.
  provider.live('/acme/', sample, { start: 'keyframe' });
  const counts = { zaps: 0, pictures: 0, refusals: 0, faults: 0 };
  const otherAnswers: Record<string, number> = {};
  const kills: Record<string, number> = {};
  const viewers: Viewer[] = Array.from({ length: plan.viewers }, (_, i) => ({
    ...{ user: `viewer-${i}`, player: undefined, stream: undefined },
  }));

  const create = (): Promise<CreatedStream> => {
    const number = Math.floor(random() * CHANNELS);
    const kind = (['direct', 'shared', 'transcode'] as const)[number % 3]!;
    const body = {
      url: provider.url(`/acme/${number}.ts`),
      ...(number % 2 && { failover_urls: [provider.url(`/acme/backup-${number}.ts`)] }),
      metadata: { zapping: 'true' },
    };
    return kind === 'transcode'
      ? createStream(site.api, 'transcode', { ...body, profile: COPY })
      : createStream(site.api, 'streams', { ...body, shared: kind === 'shared' });
  };

  const zap = async (viewer: Viewer): Promise<void> => {
    const { player: former } = viewer;
    const hangsUpFirst = random() < 0.5;
    const how = random() < 0.5 ? 'rst' : 'fin';
    if (hangsUpFirst) await former?.close(how);
    counts.zaps += 1;
    const [stream, door, isHasty] = [await create(), pick(site.doors()), random() < 0.3];
    const player = new Player(`${door.url}/stream/${stream.id}?username=${viewer.user}`);
    Object.assign(viewer, { player, stream });
    if (!isHasty) {
      const isAnswered = (): boolean => player.firstPictureMs !== undefined || player.end !== undefined;
      await waitFor(isAnswered, { timeoutMs: PICTURE_MS }).catch(() => {});
      const status = player.head?.status;
      if (player.firstPictureMs !== undefined) counts.pictures += 1;
      else if (status === 503) counts.refusals += 1;
      else otherAnswers[status ?? 'none'] = (otherAnswers[status ?? 'none'] ?? 0) + 1;
    }
    if (!hangsUpFirst) await former?.close(how);
  };

  const step = async (viewer: Viewer): Promise<void> => {
    const chance = random();
    if (chance < 0.75) await zap(viewer);
    else if (chance < 0.85) {
      counts.faults += 1;
      if (random() < 0.6) provider.cut('/acme/', random() < 0.5 ? 'rst' : 'fin');
      else provider.stall('/acme/');
    } else if (chance < 0.9) {
      counts.faults += 1;
      if (viewer.stream) void api(site.api, 'POST', `/streams/${viewer.stream.id}/failover`).catch(() => {});
    } else if (chance < 0.95) await viewer.player?.close('rst');
    else {
      const killed = await site.kill(random);
      if (killed !== undefined) kills[killed] = (kills[killed] ?? 0) + 1;
    }
    await delay(random() ** 2 * plan.pauseMs);
  };

  const slotsInUse = async (): Promise<number> => {
    const { body } = await api(site.api, 'GET', '/providers');
    return (body as { providers: { slots_in_use: number }[] }).providers[0]!.slots_in_use;
  };

  try {
    const limit = { hosts: [`127.0.0.1:${provider.port}`], max_connections: plan.maxConnections };
    await api(site.api, 'PUT', '/providers/acme', limit);
    // Nodes that were not asked learn of it with their next heartbeat.
    await delay(1_500);
    let started = 0;
    const lane = async (viewer: Viewer): Promise<void> => {
      for (;;) {
        started += 1;
        if (started > plan.steps) return;
        if (started % 50 === 0) plan.onProgress?.(started);
        await step(viewer);
      }
    };
    await Promise.all(viewers.map(lane));
    await Promise.all(viewers.map(({ player }) => player?.close()));
    await api(site.api, 'DELETE', '/streams/by-metadata?field=zapping&value=true&active_only=false');
    const { current } = provider.stats('/acme/');
    const isOver = async (): Promise<boolean> =>
      provider.stats('/acme/').current === 0 && (await slotsInUse()) === 0;
    if (current > 0 || (await slotsInUse()) > 0) {
      await waitFor(isOver, { timeoutMs: plan.settleMs, everyMs: 200 }).catch(() => {});
    }
    const { max, total, current: leakedConnections } = provider.stats('/acme/');
    return {
      ...{ seed: plan.seed, steps: plan.steps, ...counts, otherAnswers, kills },
      ...{ mostAtOnce: max, connections: total, leakedConnections, leakedSlots: await slotsInUse() },
    };
  } finally {
    await Promise.all(viewers.map(({ player }) => player?.close()));
    await provider.close();
  }
}

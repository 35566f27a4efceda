import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterNode, Player } from '@streampool/testkit';
import { AudienceProcess } from '../load/audience-process.ts';
import { type Percentiles, percentilesOf } from '../measure/histogram.ts';
import { say } from '../measure/report.ts';
import { usageOf } from '../measure/usage.ts';
import type { Scene, StreamKind } from './scene.ts';

export interface RelayPlan {
  readonly kind: StreamKind;
  /** At each of the two nodes. */
  readonly viewers: number;
  readonly seconds: number;
}

export interface RelayResult {
  readonly name: string;
  readonly viewers: number;
  readonly seconds: number;
  /** Age of the stream at viewers of the owner, and of a follower; ms. */
  readonly ownerDelay: Percentiles;
  readonly followerDelay: Percentiles;
  /** How much later the same bytes come to the follower's viewers, both averaged over the phases of delivery; ms. */
  readonly addedDelay: Percentiles;
  /** The difference of the two p99; ms. */
  readonly addedP99Ms: number;
  readonly ownerCpuSecondsPerGb: number;
  readonly followerCpuSecondsPerGb: number;
  /** 1: what a follower costs is what the owner costs. */
  readonly cpuRatio: number;
  readonly errors: number;
  readonly dropped: number;
  readonly failures: readonly string[];
}

const DELAY_TARGET_MS = 100;
const CPU_TARGET = 1.1;
/** Viewers in this idle process, over all phases of the nodes' delivery. */
const PROBES = 10;

/** Arrivals of each stamp at some probes of one node. */
class Probes {
  readonly players: Player[];
  /** By the stamp: ages at arrival, ms. */
  readonly ages = new Map<bigint, number[]>();

  constructor(url: string) {
    this.players = Array.from({ length: PROBES }, () => {
      const player = new Player(url);
      player.check.onStamp = (sent) => {
        const age = Number(process.hrtime.bigint() - sent) / 1e6;
        const ages = this.ages.get(sent);
        if (ages) ages.push(age);
        else this.ages.set(sent, [age]);
      };
      return player;
    });
  }

  get all(): number[] {
    return [...this.ages.values()].flat();
  }

  /** Of stamps that have come to all of them. */
  mean(stamp: bigint): number | undefined {
    const ages = this.ages.get(stamp);
    return ages?.length === PROBES ? ages.reduce((sum, age) => sum + age, 0) / PROBES : undefined;
  }
}

/** What a relay adds: the same stream at its owner and at another worker, each with the same audience, at once. */
export async function measureRelay(scene: Scene, plan: RelayPlan): Promise<RelayResult> {
  const streamId = await scene.create(plan.kind);
  const first = new Player(scene.urls(scene.cluster.workers, streamId)[0]!);
  await first.waitForPicture(15_000);
  const owner = await scene.cluster.ownerOf(streamId);
  const follower = scene.cluster.workers.find((worker) => worker !== owner)!;
  const nodes = [owner, follower] as const;
  const audiences = [new AudienceProcess(), new AudienceProcess()] as const;
  const probes = nodes.map((node) => new Probes(urlOf(scene, node, streamId)));
  try {
    await Promise.all(
      nodes.map((node, index) =>
        audiences[index]!.connect({
          urls: [urlOf(scene, node, streamId)],
          count: plan.viewers,
          perSecond: 200,
        }),
      ),
    );
    await delay(3_000);
    const starts = await Promise.all(audiences.map((audience) => audience.reset()));
    for (const { ages } of probes) ages.clear();
    const used = nodes.map(({ pid }) => usageOf(pid).cpuSeconds);
    await delay(plan.seconds * 1_000);
    const costs = nodes.map(({ pid }, index) => usageOf(pid).cpuSeconds - used[index]!);
    const ends = await Promise.all(audiences.map((audience) => audience.report()));
    const perGb = costs.map((cost, index) => cost / ((ends[index]!.bytes - starts[index]!.bytes) / 1e9));
    const [atOwner, atFollower] = probes as [Probes, Probes];
    const added = [...atOwner.ages.keys()].flatMap((stamp) => {
      const [early, late] = [atOwner.mean(stamp), atFollower.mean(stamp)];
      return early === undefined || late === undefined ? [] : [late - early];
    });
    const [ownerDelay, followerDelay] = [percentilesOf(atOwner.all), percentilesOf(atFollower.all)];
    const sum = (of: 'syncErrors' | 'continuityErrors' | 'timestampErrors' | 'dropped'): number =>
      ends.reduce((total, end) => total + end[of], 0);
    const result = {
      ...{ name: `relay, ${plan.kind}`, viewers: plan.viewers, seconds: plan.seconds },
      ...{ ownerDelay, followerDelay, addedDelay: percentilesOf(added) },
      addedP99Ms: followerDelay.p99 - ownerDelay.p99,
      ownerCpuSecondsPerGb: perGb[0]!,
      followerCpuSecondsPerGb: perGb[1]!,
      cpuRatio: perGb[1]! / perGb[0]!,
      errors: sum('syncErrors') + sum('continuityErrors') + sum('timestampErrors'),
      dropped: sum('dropped'),
    };
    const failures = [
      ...(result.addedP99Ms > DELAY_TARGET_MS ? [`adds ${Math.round(result.addedP99Ms)} ms at p99`] : []),
      ...(result.cpuRatio > CPU_TARGET ? [`costs ${result.cpuRatio.toFixed(2)} of the owner's CPU`] : []),
      ...(result.errors + result.dropped > 0 ? ['errors or dropped viewers'] : []),
    ];
    say(`${result.name}: ${failures.length > 0 ? `FAILED: ${failures.join('; ')}` : 'as it should be'}`);
    return { ...result, failures };
  } finally {
    await Promise.all([
      first.close(),
      ...probes.flatMap(({ players }) => players.map((player) => player.close())),
      ...audiences.map((audience) => audience.close()),
    ]);
    await scene.clear();
  }
}

function urlOf(scene: Scene, node: ClusterNode, streamId: string): string {
  return scene.urls([node], streamId)[0]!;
}

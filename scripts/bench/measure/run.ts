import { setTimeout as delay } from 'node:timers/promises';
import { Player } from '@streampool/testkit';
import type { AudienceReport } from '../load/audience.ts';
import type { AudienceProcess } from '../load/audience-process.ts';
import { Histogram, type Percentiles, percentilesOf } from './histogram.ts';
import { hostUsage, usageOf } from './usage.ts';

export interface RunPlan {
  readonly pid: number;
  /** The server's work is done by its children (nginx). */
  readonly workers?: boolean;
  readonly urls: readonly string[];
  readonly viewers: number;
  readonly connectPerSecond: number;
  readonly seconds: number;
  readonly http?: '1.0' | '1.1';
  /** Viewers that join one after another while it is measured. */
  readonly joiners: number;
  /** Check every viewer's stream; else only the joiners' and the probes'. */
  readonly check?: boolean;
  /** Viewers in this, idle process whose delay is measured apart from the audience's: 10. */
  readonly probes?: number;
  /** Called when all are connected, before it is measured. */
  readonly onSteady?: () => Promise<void>;
}

export interface RunResult {
  readonly seconds: number;
  readonly viewers: number;
  readonly gigabytes: number;
  /** The server's own user + system seconds per 10^9 bytes delivered. */
  readonly cpuSecondsPerGb: number;
  /** The same of its children (FFmpeg). */
  readonly childrenCpuSecondsPerGb: number;
  /** The server's share of one core. */
  readonly cpuShare: number;
  /** The audience's share of one core: near 1, the load is the bottleneck, and delays are its own. */
  readonly audienceCpuShare: number;
  /** Cores that unrelated processes of the host used meanwhile: near 0, or the figures are theirs. */
  readonly foreignCpuShare: number;
  readonly rssBytes: number;
  /** What each viewer adds to the server's RSS. */
  readonly rssPerViewer: number;
  /** The kernel's TCP memory of the whole host, both ends of every connection. */
  readonly tcpBytes: number;
  /** First picture of viewers that joined while it was measured, in ms. */
  readonly firstPicture: Percentiles;
  /** Age of the newest bytes at the audience, in ms since the source sent them. */
  readonly delay: Percentiles;
  /** The same at a few viewers in an idle process: what the server does, without the audience's own waiting. */
  readonly probeDelay: Percentiles;
  readonly longestGapMs: number;
  readonly audience: AudienceReport;
  readonly children: readonly { pid: number; name: string }[];
  /** 200 with a first picture; every joiner must. */
  readonly joinersFailed: number;
}

/** Connects the viewers, waits until they are served, measures for the given time, and hangs up. */
export async function runAudience(audience: AudienceProcess, plan: RunPlan): Promise<RunResult> {
  const before = usageOf(plan.pid, { withChildren: plan.workers ?? false });
  await audience.connect({
    urls: plan.urls,
    count: plan.viewers,
    perSecond: plan.connectPerSecond,
    ...(plan.http ? { http: plan.http } : {}),
    ...(plan.check === undefined ? {} : { check: plan.check }),
  });
  const probeDelay = new Histogram();
  const probes = Array.from({ length: plan.probes ?? 10 }, (_, index) => {
    const player = new Player(plan.urls[index % plan.urls.length]!);
    player.check.onStamp = (sent) => probeDelay.add(Number(process.hrtime.bigint() - sent) / 1e6);
    return player;
  });
  await delay(3_000);
  await plan.onSteady?.();
  probeDelay.reset();
  const start = await audience.reset();
  const audienceStart = usageOf(audience.pid);
  const first = usageOf(plan.pid, { withChildren: plan.workers ?? false });
  const hostStart = hostUsage(process.pid);
  const pictures = await join(plan);
  const hostEnd = hostUsage(process.pid);
  const last = usageOf(plan.pid, { withChildren: plan.workers ?? false });
  const audienceEnd = usageOf(audience.pid);
  const end = await audience.report();
  await Promise.all(probes.map((probe) => probe.close()));
  await audience.disconnect();

  const bytes = end.bytes - start.bytes;
  const seconds = (last.atMs - first.atMs) / 1_000;
  const gigabytes = bytes / 1e9;
  return {
    seconds,
    viewers: end.connected,
    gigabytes,
    cpuSecondsPerGb: (last.cpuSeconds - first.cpuSeconds) / gigabytes,
    childrenCpuSecondsPerGb: (last.childrenCpuSeconds - first.childrenCpuSeconds) / gigabytes,
    cpuShare: (last.cpuSeconds - first.cpuSeconds) / seconds,
    audienceCpuShare: (audienceEnd.cpuSeconds - audienceStart.cpuSeconds) / seconds,
    foreignCpuShare: Math.max(
      0,
      (hostEnd.busySeconds - hostStart.busySeconds - (hostEnd.ownSeconds - hostStart.ownSeconds)) / seconds,
    ),
    rssBytes: last.rssBytes,
    rssPerViewer: (last.rssBytes - before.rssBytes) / Math.max(1, plan.viewers),
    tcpBytes: last.tcpBytes,
    firstPicture: percentilesOf(pictures),
    delay: end.delay,
    probeDelay: probeDelay.summary(),
    longestGapMs: end.longestGapMs,
    audience: end,
    children: last.children,
    joinersFailed: plan.joiners - pictures.length,
  };
}

/** Lets viewers join at even distances over the time of measuring, each until its first picture. */
async function join({ urls, joiners, seconds }: RunPlan): Promise<number[]> {
  const began = performance.now();
  const pictures: Promise<number[]>[] = [];
  for (let index = 0; index < joiners; index++) {
    const due = began + ((index + 0.5) / joiners) * seconds * 1_000 - performance.now();
    if (due > 0) await delay(due);
    const player = new Player(urls[index % urls.length]!);
    pictures.push(
      player
        .waitForPicture(10_000)
        .then(
          (ms) => [ms],
          () => [],
        )
        .finally(() => player.close()),
    );
  }
  await delay(Math.max(0, began + seconds * 1_000 - performance.now()));
  return (await Promise.all(pictures)).flat();
}

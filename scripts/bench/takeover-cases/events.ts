import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ClusterNode, runOk } from '@streampool/testkit';
import { percentilesOf } from '../measure/histogram.ts';
import { say } from '../measure/report.ts';
import type { Expectation, Outcome, Scene, StreamKind } from './scene.ts';

/** What is done to a cluster, several times in a row with the same viewers. */
export interface EventCase extends Expectation {
  readonly name: string;
  readonly kind: StreamKind;
  readonly times: number;
  readonly happen: (scene: Scene, owner: ClusterNode) => Promise<void>;
  /** Makes good what happened, outside of what is measured. */
  readonly repair?: (scene: Scene, owner: ClusterNode) => Promise<void>;
}

export interface CaseResult {
  readonly name: string;
  readonly times: number;
  readonly failed: number;
  readonly viewers: number;
  readonly gapTargetMs: number;
  readonly outcomes: readonly Omit<Outcome, 'gaps'>[];
  /** Over all viewers and all times. */
  readonly gap: Outcome['gap'];
}

const COMMAND = fileURLToPath(new URL('../../../packages/cli/bin/streampool', import.meta.url));

/** `kill -9` of the owner. */
export function kill(kind: StreamKind, times: number): EventCase {
  return {
    ...{ name: `kill, ${kind}`, kind, times, moves: true, gapMs: kind === 'shared' ? 1_000 : 2_000 },
    happen: (_, owner) => owner.kill(),
    repair: (_, owner) => owner.start(),
  };
}

/** SIGTERM of the owner, as systemd and Kubernetes send it. */
export function leave(kind: StreamKind, times: number): EventCase {
  return {
    ...{ name: `drain by SIGTERM, ${kind}`, kind, times, moves: true, gapMs: 300 },
    happen: async (_, owner) => {
      const code = await owner.stop(30_000);
      if (code !== 0) throw new Error(`${owner.name} ended with ${code} after SIGTERM`);
    },
    repair: (_, owner) => owner.start(),
  };
}

/** `streampool drain <worker>`; afterwards it is wanted back. */
export function drain(kind: StreamKind, times: number): EventCase {
  const command = (scene: Scene, ...args: string[]) =>
    runOk(process.execPath, [COMMAND, ...args], {
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME },
        ...{ REDIS_URL: scene.cluster.redis.url, INTERNAL_TOKEN: scene.cluster.token },
        ...{ HOST: '127.0.0.1', PORT: `${scene.cluster.gateways[0]!.port}` },
      },
    });
  return {
    ...{ name: `streampool drain, ${kind}`, kind, times, moves: true, gapMs: 300 },
    happen: async (scene, owner) => {
      await command(scene, 'drain', owner.name);
    },
    repair: async (_, owner) => {
      await owner.stop();
      await owner.start();
    },
  };
}

/** Redis stands still for a while, and goes on. */
export function redisStop(kind: StreamKind, seconds: number): EventCase {
  return {
    ...{ name: `Redis stopped for ${seconds} s, ${kind}`, kind, times: 1, moves: false, gapMs: 300 },
    happen: async ({ cluster: { redis } }) => {
      redis.stop();
      try {
        await delay(seconds * 1_000);
      } finally {
        redis.continue();
      }
      // Nodes come back at moments of their own; what is right before they do proves nothing.
      await delay(5_000);
    },
  };
}

/** Runs a case on a stream of its own. */
export async function runCase(scene: Scene, plan: EventCase, viewers: number): Promise<CaseResult> {
  const streamId = await scene.create(plan.kind);
  const outcomes: Outcome[] = [];
  for (let round = 1; round <= plan.times; round++) {
    await scene.fill(streamId);
    let owner: ClusterNode | undefined;
    const outcome = await scene.during(streamId, plan.kind, plan, async (node) => {
      owner = node;
      await plan.happen(scene, node);
    });
    outcomes.push(outcome);
    const { gap, settledMs, failures, notes } = outcome;
    const figures = `gap p50 ${Math.round(gap.p50)} p99 ${Math.round(gap.p99)} max ${Math.round(gap.max)} ms`;
    const verdict = failures.length > 0 ? `  FAILED: ${[...failures, ...notes].join('; ')}` : '';
    say(`${plan.name} ${round}/${plan.times}: ${figures}, settled ${Math.round(settledMs)} ms${verdict}`);
    if (owner) await plan.repair?.(scene, owner);
  }
  await scene.clear();
  return {
    ...{ name: plan.name, times: plan.times, viewers, gapTargetMs: plan.gapMs },
    failed: outcomes.filter(({ failures }) => failures.length > 0).length,
    outcomes: outcomes.map(({ gaps, ...outcome }) => outcome),
    gap: percentilesOf(outcomes.flatMap(({ gaps }) => gaps)),
  };
}

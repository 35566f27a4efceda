import type { SweepSnapshot } from '../cluster-state.ts';
import { LIMITS } from '../limits.ts';
import type { Connection } from './connection.ts';
import { toWorker } from './hashes.ts';

/** What sweep.lua returns. */
export type SweptRows = readonly [
  nowMs: number,
  workers: readonly string[],
  orphans: readonly (readonly [
    streamId: string,
    owner: string,
    epoch: string,
    viewers: string,
    host: string,
    ffmpegPid: string,
    ffmpegStartTicks: string,
  ])[],
  clients: readonly string[],
];

/** Adds who held the expired viewers: thousands of look-ups, which are no reason to keep a script running. */
export async function readSweep(redis: Connection, rows: SweptRows): Promise<SweepSnapshot> {
  const [nowMs, workers, orphans, members] = rows;
  const clients = members.map((member) => {
    const colon = member.indexOf(':');
    return { streamId: member.slice(0, colon), clientId: member.slice(colon + 1) };
  });
  const nodes = (await redis.pipeline((pipeline) => {
    for (const { streamId, clientId } of clients) {
      pipeline.hget(`${redis.prefix}client:${streamId}:${clientId}`, 'node');
    }
  })) as (string | null)[];
  return {
    nowMs,
    deadWorkers: workers.map(toWorker),
    orphans: orphans.map(([streamId, owner, epoch, viewers, host, pid, ticks]) => ({
      streamId,
      owner,
      epoch: Number(epoch),
      viewers: Number(viewers),
      host,
      ...(pid !== '' && { ffmpegPid: Number(pid) }),
      ...(ticks !== '' && { ffmpegStartTicks: Number(ticks) }),
    })),
    expiredClients: clients.map((client, i) => ({ ...client, node: nodes[i] ?? '' })),
    truncated:
      workers.length === LIMITS.sweepWorkers ||
      orphans.length === LIMITS.sweepOrphans ||
      members.length === LIMITS.sweepClients,
  };
}

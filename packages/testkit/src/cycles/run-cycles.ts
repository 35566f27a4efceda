import { setTimeout as delay } from 'node:timers/promises';
import { makeSample } from '../fixtures/sample.ts';
import { Player } from '../player/player.ts';
import { countFiles, ffmpegsOf, processInfo, sendSignal } from '../processes/census.ts';
import type { StreampoolProcess } from '../processes/streampool.ts';
import { api, createStream } from '../processes/streampool-api.ts';
import { waitFor } from '../processes/wait-for.ts';
import { FakeProvider } from '../provider/fake-provider.ts';
import { seededRandom } from '../seeded-random.ts';

export interface CyclePlan {
  readonly cycles: number;
  readonly atOnce: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

/** What a server holds at a moment. */
export interface Census {
  readonly ffmpegs: number;
  readonly processes: number;
  readonly sockets: number;
  readonly pipes: number;
  readonly files: number;
  readonly providerConnections: number;
  readonly timers: number;
  readonly rssMb: number;
}

export interface CycleResult {
  readonly before: Census;
  readonly after: Census;
  readonly viewers: number;
  readonly pictures: number;
  readonly killed: number;
  /** Sentences; none is what is wanted. */
  readonly leaks: readonly string[];
}

const COPY = '-i {input_url} -c copy -f mpegts pipe:1';

/** Runs the cycles against a server with `watchTimers` whose SHARED_STREAM_TIMEOUT is about 1 s, and compares what it holds before and after. */
export async function runCycles(server: StreampoolProcess, plan: CyclePlan): Promise<CycleResult> {
  const random = seededRandom(plan.seed);
  const provider = await FakeProvider.start();
  const sample = await makeSample({ seconds: 4, gopSeconds: 1 });
  provider.live('/live.ts', sample, { start: 'keyframe' });
  let [viewers, pictures, killed, done] = [0, 0, 0, 0];

  const cycle = async (): Promise<void> => {
    const kind = (['direct', 'shared', 'transcode'] as const)[Math.floor(random() * 3)]!;
    const url = provider.url(`/live.ts?channel=${Math.floor(random() * 4)}`);
    const stream = await (kind === 'transcode'
      ? createStream(server, 'transcode', { url, profile: COPY })
      : createStream(server, 'streams', { url, shared: kind === 'shared' }));
    const players = Array.from({ length: 1 + Math.floor(random() * 4) }, () => new Player(stream.url));
    viewers += players.length;
    await delay(random() * 1_500);
    if (random() < 0.1) players[0]!.stall();
    if (random() < 0.25) {
      const running = ffmpegsOf(server.pid);
      const victim = running[Math.floor(random() * running.length)];
      if (victim && sendSignal(victim.pid, 'SIGKILL')) {
        killed += 1;
        await delay(random() * 500);
      }
    }
    pictures += players.filter((player) => player.firstPictureMs !== undefined).length;
    if (random() < 0.15) await api(server, 'DELETE', `/streams/${stream.id}`);
    await Promise.all(players.map((player) => player.close(random() < 0.5 ? 'rst' : 'fin')));
    done += 1;
    if (done % 50 === 0) plan.onProgress?.(done);
  };

  try {
    await warmUp(server, provider);
    const before = await settled(server, provider);
    let started = 0;
    const lane = async (): Promise<void> => {
      while (started++ < plan.cycles) await cycle();
    };
    await Promise.all(Array.from({ length: plan.atOnce }, lane));
    const after = await settled(server, provider, before);
    return { before, after, viewers, pictures, killed, leaks: compare(before, after) };
  } finally {
    await provider.close();
  }
}

/** One of each kind, so that what a server opens once (state, first sockets) is not counted as left behind. */
async function warmUp(server: StreampoolProcess, provider: FakeProvider): Promise<void> {
  const url = provider.url('/live.ts?warm-up');
  const streams = [
    await createStream(server, 'streams', { url }),
    await createStream(server, 'streams', { url, shared: true }),
    await createStream(server, 'transcode', { url, profile: COPY }),
  ];
  for (const stream of streams) {
    const player = new Player(stream.url);
    await player.waitForPicture();
    await player.close();
  }
}

/**
 * Counts when everything has ended that should, and not before the pools' timeout is over. What has not ended within
 * 45 s is counted as it is.
 */
async function settled(server: StreampoolProcess, provider: FakeProvider, before?: Census): Promise<Census> {
  const quiet = async (): Promise<boolean> => {
    const now = await census(server, provider);
    return before ? compare(before, now).length === 0 : now.ffmpegs === 0 && now.providerConnections === 0;
  };
  await delay(1_500);
  await waitFor(quiet, { timeoutMs: 45_000, everyMs: 200 }).catch(() => {});
  return census(server, provider);
}

async function census(server: StreampoolProcess, provider: FakeProvider): Promise<Census> {
  const timers = await server.countTimers();
  const files = countFiles(server.pid);
  return {
    ffmpegs: ffmpegsOf(server.pid).length,
    processes: server.offspring().length,
    ...{ sockets: files.sockets, pipes: files.pipes, files: files.files },
    providerConnections: provider.connections,
    timers,
    rssMb: Math.round((processInfo(server.pid)?.rssBytes ?? 0) / 1e6),
  };
}

function compare(before: Census, after: Census): string[] {
  const leaks: string[] = [];
  const none = ['ffmpegs', 'providerConnections'] as const;
  for (const name of none) if (after[name] > 0) leaks.push(`${after[name]} ${name}`);
  // A connection or a timer of the server's own rounds may or may not be there.
  const slack = { processes: 0, sockets: 1, pipes: 0, files: 0, timers: 2 };
  for (const [name, allowed] of Object.entries(slack) as [keyof typeof slack, number][])
    if (after[name] > before[name] + allowed) leaks.push(`${after[name] - before[name]} ${name}`);
  return leaks;
}

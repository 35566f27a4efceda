/** Random zaps, kills and failovers at a provider that allows few connections. See `scripts/bench/zapping --help`. */
import { parseArgs } from 'node:util';
import {
  Cluster,
  type ClusterNode,
  ffmpegsOf,
  runZapping,
  sendSignal,
  type ZappingResult,
  type ZappingSite,
} from '@streampool/testkit';
import { printTable, say } from './measure/report.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '500' },
    connections: { type: 'string', default: '2' },
    viewers: { type: 'string', default: '3' },
    'pause-ms': { type: 'string', default: '400' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    site: { type: 'string', multiple: true, default: ['single', 'cluster'] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/zapping [options]

  --steps 500        random steps: zaps (75 %), sources cut, stalled or failed over by request, viewers that vanish, kills
  --connections 2    what the provider allows at once
  --viewers 3        who zap at the same time
  --pause-ms 400     the longest pause of a viewer between two steps
  --seed <number>    of the random choices; by default another one each time, and printed
  --site single      one server, where FFmpegs are killed; or cluster: 1 gateway and 2 workers, which are killed as well.
                     Both by default
  --json             one JSON object on stdout

Channels are direct, shared and transcoded ones, half of them with a failover URL at the same provider. Exits with 1 if the
provider ever saw more connections at once than it allows, or if a slot or a connection is left when everybody has gone.`);
  process.exit();
}

/** Beyond it a killed node's slots are free: three heartbeats, and 15 s at least. */
const LEASE_MS = 15_000;

const number = (text: string): number => Number(text);
const plan = {
  ...{ steps: number(values.steps), seed: number(values.seed), viewers: number(values.viewers) },
  ...{ maxConnections: number(values.connections), pauseMs: number(values['pause-ms']) },
  settleMs: LEASE_MS + 5_000,
  onProgress: (done: number): void => say(`${done} steps`),
};
say(`seed ${plan.seed}`);

const results: (ZappingResult & { site: string })[] = [];
for (const site of values.site) {
  const result = site === 'cluster' ? await inCluster() : await onOneServer();
  results.push({ site, ...result });
}
if (values.json) console.log(JSON.stringify({ bench: 'zapping', options: values, results }));
else {
  printTable(
    results.map(({ site, steps, zaps, pictures, refusals, faults, kills, ...rest }) => ({
      ...{ site, steps, zaps, pictures, refusals, faults },
      killed: Object.entries(kills)
        .map(([what, times]) => `${times} ${what}`)
        .join(', '),
      ...{ connections: rest.connections, 'most at once': rest.mostAtOnce },
      ...{ 'slots left': rest.leakedSlots, 'connections left': rest.leakedConnections },
    })),
  );
}
const isKept = ({ mostAtOnce, leakedSlots, leakedConnections }: ZappingResult): boolean =>
  mostAtOnce <= plan.maxConnections && leakedSlots === 0 && leakedConnections === 0;
process.exitCode = results.every(isKept) ? 0 : 1;

async function onOneServer(): Promise<ZappingResult> {
  const server = await startServer({ STREAM_TIMEOUT: '5' });
  const site: ZappingSite = {
    api: server,
    doors: () => [server],
    kill: async (random) => killOne(ffmpegsOf(server.pid), random),
  };
  try {
    return await runZapping(site, plan);
  } finally {
    await server.stop();
  }
}

async function inCluster(): Promise<ZappingResult> {
  const env = { LOG_LEVEL: 'warn', STREAM_TIMEOUT: '5', HEARTBEAT_INTERVAL: '1' };
  const cluster = await Cluster.start({ gateways: 1, workers: 2, env });
  let comingBack: ClusterNode | undefined;
  let restarting: Promise<void> = Promise.resolve();
  const site: ZappingSite = {
    api: cluster.gateways[0]!,
    doors: () => cluster.nodes.filter((node) => node.running && node !== comingBack),
    async kill(random) {
      if (comingBack || random() < 0.5) return killOne(cluster.ffmpegs(), random);
      const worker = cluster.workers[Math.floor(random() * cluster.workers.length)]!;
      comingBack = worker;
      await worker.kill();
      restarting = worker.start().finally(() => {
        comingBack = undefined;
      });
      restarting.catch((error: unknown) => say(`a worker did not come back: ${error}`));
      return 'worker';
    },
  };
  try {
    return await runZapping(site, plan);
  } finally {
    await restarting.catch(() => {});
    await cluster.close();
  }
}

async function killOne(
  running: readonly { readonly pid: number }[],
  random: () => number,
): Promise<string | undefined> {
  const victim = running[Math.floor(random() * running.length)];
  return victim && sendSignal(victim.pid, 'SIGKILL') ? 'ffmpeg' : undefined;
}

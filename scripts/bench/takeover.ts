/** What viewers of a cluster notice when its nodes or its Redis fail. See `scripts/bench/takeover --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { printComparison, printTable, type Row, say } from './measure/report.ts';
import {
  type CaseResult,
  drain,
  type EventCase,
  kill,
  leave,
  redisStop,
  runCase,
} from './takeover-cases/events.ts';
import { measureRelay, type RelayResult } from './takeover-cases/relay.ts';
import { Scene, type StreamKind } from './takeover-cases/scene.ts';

const CASES = ['kill', 'drain', 'redis-stop', 'relay'] as const;

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    kind: { type: 'string', multiple: true },
    viewers: { type: 'string', default: '200' },
    times: { type: 'string', default: '20' },
    mbit: { type: 'string', default: '1' },
    gop: { type: 'string', default: '2' },
    'source-start': { type: 'string', default: 'keyframe' },
    'redis-seconds': { type: 'string', default: '60' },
    'relay-mbit': { type: 'string', default: '4' },
    'relay-seconds': { type: 'string', default: '20' },
    set: { type: 'string', multiple: true },
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/takeover [options]

  --case kill           one of ${CASES.join(', ')}; several by repeating it, all by default
  --kind transcoded     the stream: transcoded (an FFmpeg that copies), encoded (one that encodes), shared (no FFmpeg);
                        several by repeating it; by default transcoded and shared
  --viewers 200         viewers, at both gateways (with relay: at each of two workers)
  --times 20            how often in a row, with the same viewers (kill and drain)
  --mbit 1              rate of the stream in Mbit/s
  --gop 2               seconds between keyframes of the source
  --source-start keyframe   what the provider begins a connection with: keyframe (a newest one, at once), live (what is due)
  --redis-seconds 60    how long Redis is stopped
  --relay-mbit 4        rate of the stream in the case relay, whose CPU is measured
  --relay-seconds 20    how long that is measured
  --set NAME=VALUE      a setting of the nodes; several by repeating it
  --logs <directory>    what the nodes logged is written there
  --json                one JSON object on stdout

A cluster of processes: Redis, 2 gateways, 3 workers, with settings as they are by default. Cases: kill -9 of the owner;
drain by SIGTERM and by \`streampool drain\`; Redis stopped by SIGSTOP; what a relay adds in delay and CPU.
A gap is a viewer's longest time without bytes around the event, over all viewers. The exit code is 1 when something was
not as promised: a socket dropped, an error in a stream, a gap above the target, an FFmpeg or a provider connection too many.`);
  process.exit();
}

const cases = values.case ?? CASES;
const kinds = (values.kind ?? ['transcoded', 'shared']) as StreamKind[];
for (const name of cases) if (!CASES.includes(name as never)) throw new Error(`there is no case ${name}`);
const [viewers, times] = [Number(values.viewers), Number(values.times)];
const base = {
  viewers,
  gopSeconds: Number(values.gop),
  sourceStart: values['source-start'] as 'keyframe' | 'live',
  env: Object.fromEntries((values.set ?? []).map((text) => text.split(/=(.*)/s, 2) as [string, string])),
};

async function withScene<T>(
  stream: { mbit: number; stamps: boolean },
  use: (scene: Scene) => Promise<T>,
): Promise<T> {
  const scene = await Scene.open({ ...base, ...stream });
  try {
    return await use(scene);
  } finally {
    if (values.logs) {
      mkdirSync(values.logs, { recursive: true });
      for (const node of scene.cluster.nodes)
        writeFileSync(join(values.logs, `${node.name}.log`), node.logs());
    }
    await scene.close();
  }
}

const plans: EventCase[] = kinds.flatMap((kind) => [
  ...(cases.includes('kill') ? [kill(kind, times)] : []),
  ...(cases.includes('drain') ? [leave(kind, times), drain(kind, times)] : []),
  ...(cases.includes('redis-stop') ? [redisStop(kind, Number(values['redis-seconds']))] : []),
]);
const events: CaseResult[] = [];
const relays: RelayResult[] = [];
if (plans.length > 0) {
  await withScene({ mbit: Number(values.mbit), stamps: false }, async (scene) => {
    for (const plan of plans) {
      say(`${plan.name}: ${viewers} viewers × ${values.mbit} Mbit/s, ${plan.times} times`);
      events.push(await runCase(scene, plan, viewers));
    }
  });
}
if (cases.includes('relay')) {
  await withScene({ mbit: Number(values['relay-mbit']), stamps: true }, async (scene) => {
    for (const kind of kinds)
      relays.push(await measureRelay(scene, { kind, viewers, seconds: Number(values['relay-seconds']) }));
  });
}

function eventRow({ name, times, failed, viewers, gapTargetMs, outcomes, gap }: CaseResult): Row {
  const sum = (of: 'dropped' | 'syncErrors' | 'continuityErrors' | 'timeErrors'): number =>
    outcomes.reduce((total, outcome) => total + outcome[of], 0);
  const most = (of: 'ffmpegs' | 'providerMost' | 'providerAfter' | 'settledMs'): number =>
    Math.max(...outcomes.map((outcome) => outcome[of]));
  return {
    ...{ case: name, times, failed, viewers, dropped: sum('dropped') },
    errors: `${sum('syncErrors')} ${sum('continuityErrors')} ${sum('timeErrors')}`,
    ...{ 'gap p50 ms': gap.p50, 'p99 ms': gap.p99, 'max ms': gap.max, 'target ms': gapTargetMs },
    'new owner': `${outcomes.filter(({ ownerChanged, epochRose }) => ownerChanged && epochRose).length}/${times}`,
    'FFmpegs after': most('ffmpegs'),
    ...{ 'provider most': most('providerMost'), 'provider after': most('providerAfter') },
    'settled max ms': most('settledMs'),
  };
}

function relayRow(result: RelayResult): Row {
  return {
    case: result.name,
    'viewers per node': result.viewers,
    'owner delay p50 ms': result.ownerDelay.p50,
    'owner delay p99 ms': result.ownerDelay.p99,
    'follower delay p50 ms': result.followerDelay.p50,
    'follower delay p99 ms': result.followerDelay.p99,
    'added, difference of p99 ms': result.addedP99Ms,
    'added to the same bytes p50 ms': result.addedDelay.p50,
    'added to the same bytes p99 ms': result.addedDelay.p99,
    'owner CPU-s/GB': result.ownerCpuSecondsPerGb,
    'follower CPU-s/GB': result.followerCpuSecondsPerGb,
    'follower / owner': result.cpuRatio,
    'errors, dropped': `${result.errors} ${result.dropped}`,
  };
}

const failed = events.some(({ failed }) => failed > 0) || relays.some(({ failures }) => failures.length > 0);
if (values.json) {
  const options = { ...base, times, mbit: Number(values.mbit), kinds, cases };
  console.log(JSON.stringify({ bench: 'takeover', ok: !failed, options, events, relays }));
} else {
  if (events.length > 0) {
    printTable(events.map(eventRow));
    console.log('errors: sync, continuity, time');
  }
  if (relays.length > 0) printComparison(relays.map(relayRow));
}
process.exitCode = failed ? 1 : 0;

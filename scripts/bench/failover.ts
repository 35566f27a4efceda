/** What viewers notice when a source fails or is switched. See `scripts/bench/failover --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultCases } from './failover-cases/faults.ts';
import { type CaseResult, Scene, type StreamKind } from './failover-cases/scene.ts';
import { clusterOfNodes, singleNode } from './failover-cases/site.ts';
import { printTable, type Row, say } from './measure/report.ts';

const CASES = ['nothing', 'manual', 'cut', 'stall', 'error', 'status', 'ffmpeg'];
const KINDS = ['shared', 'transcoded', 'encoded'];
const CODECS = ['h264', 'hevc'];

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true, default: CASES },
    kind: { type: 'string', multiple: true, default: ['shared', 'transcoded'] },
    codec: { type: 'string', multiple: true, default: CODECS },
    cluster: { type: 'boolean', default: false },
    viewers: { type: 'string', default: '100' },
    times: { type: 'string', default: '3' },
    mbit: { type: 'string', default: '1' },
    gop: { type: 'string', default: '2' },
    'source-start': { type: 'string', default: 'fresh' },
    set: { type: 'string', multiple: true, default: [] },
    minutes: { type: 'string', default: '30' },
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/failover [options]

  --case cut            one of ${CASES.join(', ')}; several by repeating it, all by default
  --kind shared         shared (no FFmpeg), transcoded (an FFmpeg that copies), encoded (one that encodes);
                        several by repeating it; by default shared and transcoded
  --codec hevc          h264 or hevc; several by repeating it, both by default
  --cluster             2 gateways, where the viewers are, and 3 workers, in place of a single node
  --viewers 100         viewers per case
  --times 3             how often in a row, with the same viewers
  --mbit 1              rate of the stream in Mbit/s
  --gop 2               seconds between keyframes of the source
  --source-start fresh  what the provider begins a connection with: fresh (a keyframe, at real-time pace, on a timeline of its
                        own), keyframe (its newest one and all since, at once), live (what is due: up to a GOP without picture)
  --set NAME=VALUE      a setting of the nodes; several by repeating it
  --minutes 30          after this the benchmark gives up, with exit code 1
  --logs <directory>    what the nodes logged is written there
  --json                one JSON object on stdout

Cases: nothing happens (the floor); POST /streams/{id}/failover; the provider's connection is reset; it falls silent; it is reset
and its URL answers a web page from then on; the same with status 503; FFmpeg is killed by SIGKILL.

A viewer's silence is its longest time without bytes around the event, as in scripts/bench/takeover. Viewers are written to
every DELIVERY_INTERVAL_MS (100), so that nobody hears more often than that when nothing is wrong at all: a gap is how much longer
than this interval the silence was. Promises hold for gaps: at p99 over all viewers and rounds, 100 ms for a manual switch,
500 for a cut (by whatever it is followed), STALL_TIMEOUT + 500 for a stall, 1,500 for a killed FFmpeg.

In every case also: nobody dropped; no error of sync, continuity or time at any viewer; PCR within 100 ms of the wall clock
over the whole case (median of five deliveries) at three viewers in an idle process (ahead of it only as far as the source itself sent ahead, with
--source-start keyframe); a recording of one of them over the whole case decodes without a word by ffmpeg, and has picture and
sound to its end; afterwards one connection at the provider, never more than two. Else the exit code is 1.`);
  process.exit();
}

for (const [option, allowed] of [
  ['case', CASES],
  ['kind', KINDS],
  ['codec', CODECS],
] as const)
  for (const name of values[option])
    if (!allowed.includes(name)) throw new Error(`there is no ${option} ${name}`);

const env = Object.fromEntries(values.set.map((text) => text.split(/=(.*)/s, 2) as [string, string]));
const times = Number(values.times);
const stallMs = Number(env.STALL_TIMEOUT ?? 3) * 1_000;
const plans = faultCases(stallMs).filter(({ name }) => values.case.includes(name));
const kinds = KINDS.filter((kind) => values.kind.includes(kind)) as StreamKind[];
const results: CaseResult[] = [];
/** Cases that could not be run to their end. */
const broken: { case: string; reason: string }[] = [];

// Every wait has a deadline of its own; this is for what nobody thought of.
setTimeout(() => {
  say(`not done within ${values.minutes} minutes`);
  process.exit(1);
}, Number(values.minutes) * 60_000).unref();

for (const codec of CODECS.filter((name) => values.codec.includes(name))) {
  const site = await (values.cluster ? clusterOfNodes(env) : singleNode(env));
  const scene = await Scene.open(site, {
    ...{ viewers: Number(values.viewers), codec: codec as 'h264' | 'hevc', mbit: Number(values.mbit) },
    ...{ gopSeconds: Number(values.gop), deliveryMs: Number(env.DELIVERY_INTERVAL_MS ?? 100) },
    ...{ sourceStart: values['source-start'] as 'fresh' | 'keyframe' | 'live', sources: times + 2 },
  });
  try {
    for (const kind of kinds)
      for (const plan of plans)
        if (plan.kinds.includes(kind)) {
          await scene.run(plan, kind, times).then(
            (result) => results.push(result),
            (error: Error) => {
              say(`${plan.name}, ${kind}, ${codec}: BROKEN: ${error.message}`);
              broken.push({ case: `${plan.name}, ${kind}, ${codec}`, reason: error.message });
            },
          );
        }
  } finally {
    if (values.logs) {
      mkdirSync(values.logs, { recursive: true });
      for (const [node, text] of Object.entries(site.logs()))
        writeFileSync(join(values.logs, `${codec}-${node}.log`), text);
    }
    await scene.close();
  }
}

function row(result: CaseResult): Row {
  const { name, kind, codec, viewers, dropped, gap, silence, gapTargetMs, drift, recording, rounds } = result;
  return {
    ...{ case: `${name}, ${kind}, ${codec}`, times: result.times, viewers, dropped },
    errors: `${result.syncErrors} ${result.continuityErrors} ${result.timeErrors}`,
    ...{ 'gap p50 ms': gap.p50, 'p99 ms': gap.p99, 'max ms': gap.max, 'target ms': gapTargetMs },
    'silence max ms': silence.max,
    'PCR late, ahead ms': `${Math.round(drift.lateMs)}, ${Math.round(drift.aheadMs)}`,
    'decode errors': recording.decodeErrors.length,
    'sound and picture': recording.silentTracks.length === 0,
    'provider most': Math.max(...rounds.map(({ providerMost }) => providerMost)),
    verdict: result.failures.length === 0 ? 'kept' : 'NOT KEPT',
  };
}

const ok = broken.length === 0 && results.every(({ failures }) => failures.length === 0);
if (values.json) {
  const options = {
    ...values,
    viewers: Number(values.viewers),
    times,
    nodes: values.cluster ? 'cluster' : 'single',
  };
  console.log(JSON.stringify({ bench: 'failover', ok, options, results, broken }));
} else {
  printTable(results.map(row));
  console.log('errors: sync, continuity, time');
  for (const { case: name, reason } of broken) console.log(`BROKEN: ${name}: ${reason}`);
}
process.exitCode = ok ? 0 : 1;

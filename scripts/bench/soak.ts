/** Random faults for minutes on end, and what is left of them. See `scripts/bench/soak --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clusterOfNodes, singleNode } from './failover-cases/site.ts';
import { printTable, say } from './measure/report.ts';
import { Programme } from './soak-cases/programme.ts';
import { Soak } from './soak-cases/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    viewers: { type: 'string', default: '10' },
    cluster: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/soak [options]

  --minutes 10        of faults; calm and the end take up to 90 s more
  --seed 1            of the random choices; a new one by default, which is printed
  --viewers 10        viewers of each of the seven streams, at first
  --cluster           2 gateways, where the viewers are, and 3 workers, which are killed, too
  --set NAME=VALUE    a setting of the nodes; several by repeating it
  --logs <directory>  what the nodes logged is written there
  --json              one JSON object on stdout

Streams of all kinds (shared, transcoded, direct), each with three sources, two of them at a provider that allows two connections.
Every second or two something happens: a connection is cut or falls silent, a source turns into a web page or a 503 for a while,
an FFmpeg or (with --cluster) a worker is killed, an operator switches by hand, viewers zap. At any time one source of a stream is
bad at the most. The exit code is 1 when a viewer was dropped (of a direct stream: unless workers were killed), any stream
had an error, a viewer was without bytes for 15 s, the provider saw more connections than it allows, a stream
was not well 30 s after the last fault, anything was left 45 s after the last viewer (FFmpegs, connections, slots, playing
streams), or the RSS of a process grew in the second half of its time by more than 2 MB a minute.`);
  process.exit();
}

const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
say(`seed ${seed}`);
// Every wait has a deadline of its own; this is for what nobody thought of.
setTimeout(
  () => {
    say('not done in time');
    process.exit(1);
  },
  (minutes + 5) * 60_000,
).unref();

const env = Object.fromEntries(values.set.map((text) => text.split(/=(.*)/s, 2) as [string, string]));
const providers = await Programme.startProviders();
const settings = { ...Programme.settings(providers[1]), ...env };
const site = await (values.cluster ? clusterOfNodes(settings) : singleNode(settings));
try {
  const result = await new Soak(site, providers, { minutes, seed, viewers: Number(values.viewers) }).run();
  if (values.json) {
    const nodes = values.cluster ? 'cluster' : 'single';
    console.log(JSON.stringify({ bench: 'soak', ok: result.failures.length === 0, nodes, ...result }));
  } else {
    if (result.memory.length > 0) printTable(result.memory.map((trend) => ({ ...trend })));
    const { dropped, droppedDirect, errors, longestSilenceMs, limitedMost, left } = result;
    console.log(`\nseed ${seed}; ${JSON.stringify(result.events)}`);
    console.log(
      `dropped ${dropped} (direct ${droppedDirect}), errors ${JSON.stringify(errors)}, longest silence ${Math.round(longestSilenceMs)} ms`,
    );
    console.log(`most connections at the limited provider ${limitedMost}, left ${JSON.stringify(left)}`);
    for (const failure of result.failures) console.log(`NOT KEPT: ${failure}`);
    for (const note of result.notes) console.log(`note: ${note}`);
  }
  process.exitCode = result.failures.length === 0 ? 0 : 1;
} finally {
  if (values.logs) {
    mkdirSync(values.logs, { recursive: true });
    for (const [node, text] of Object.entries(site.logs()))
      writeFileSync(join(values.logs, `${node}.log`), text);
  }
  await site.close();
  await Promise.all(providers.map((provider) => provider.close()));
}

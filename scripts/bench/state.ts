/** What the cluster's state manages, in Redis and in SQLite. See `scripts/bench/state --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable, say } from './measure/report.ts';
import { runStore, type StoreResult } from './stores/run.ts';
import { redisStore, sqliteStore } from './stores/store.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '100' },
    streams: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '50000' },
    store: { type: 'string', default: 'both' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/state [options]

  --workers 100     synthetic workers
  --streams 10000   streams, owned by the workers in equal parts
  --clients 50000   viewers, spread over the streams
  --store both      redis, sqlite or both
  --json            one JSON object on stdout

Fills a redis-server of its own, and a state file of its own, with synthetic records, 64 calls at a time from this one
process: definitions, claims, heartbeats (each with everything its worker owns) and attaches (1,000 viewers per beat). Then
lets viewers and streams expire, and measures a sweep (the look) and a run of the reaper (look and removal): a sweep's
time must follow what expired, not what exists. At last the timelines: five entries of each stream, one of each viewer. The whole plan: --workers 1000 --streams 100000 --clients 1000000.`);
  process.exit();
}

const size = {
  workers: Number(values.workers),
  streams: Number(values.streams),
  clients: Number(values.clients),
};
const results: StoreResult[] = [];
for (const [name, open] of [
  ['redis', redisStore],
  ['sqlite', sqliteStore],
] as const) {
  if (values.store !== 'both' && values.store !== name) continue;
  const store = await open();
  try {
    results.push(await runStore(store, size, say));
  } finally {
    await store.close();
  }
}

// Above 1, others wanted the processors too, and the figures are theirs as well.
const load = Number(((loadavg()[0] ?? 0) / availableParallelism()).toFixed(2));
if (values.json) console.log(JSON.stringify({ bench: 'state', options: values, load, results }));
else {
  printTable(
    results.flatMap(({ store, rates }) =>
      rates.map(({ what, perSecond, p50, p99, max }) => ({
        ...{ store, what, 'per second': perSecond },
        ...{ 'call p50 ms': p50, 'p99 ms': p99, 'max ms': max },
      })),
    ),
  );
  console.log();
  printTable(
    results.flatMap(({ store, sweeps }) =>
      sweeps.map((sweep) => ({
        ...{ store, 'viewers in all': sweep.existingClients, expired: sweep.expiredClients },
        ...{ 'streams expired': sweep.expiredStreams, 'sweep ms': sweep.sweepMs, 'reaper ms': sweep.reapMs },
      })),
    ),
  );
  for (const { store, bytesPerStream, bytesPerClient, ...entries } of results) {
    if (bytesPerStream === undefined) continue;
    console.log(`\n${store}: ${bytesPerStream} bytes per stream, ${bytesPerClient} bytes per viewer`);
    const { bytesPerStreamEntry, bytesPerViewerEntry } = entries;
    console.log(
      `timelines: ${bytesPerStreamEntry} bytes per entry of a stream, ${bytesPerViewerEntry} of a viewer`,
    );
  }
  console.log(`load of the machine in the last minute: ${load} per core`);
}

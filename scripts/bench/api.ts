/** What the API manages, with its state in SQLite and in Redis. See `scripts/bench/api --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { RedisServer, startStreampool } from '@streampool/testkit';
import { type CaseResult, runCases } from './api-cases/cases.ts';
import { printTable, say } from './measure/report.ts';

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '1' },
    store: { type: 'string', default: 'both' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/api [options]

  --streams 10000    streams that are created and listed
  --connections 16   requests at a time (lists: 2)
  --seconds 1        per case; creating takes what it takes, 10 s at the most
  --store both       sqlite (streampool serve), redis (streampool gateway with a redis-server of its own) or both
  --json             one JSON object on stdout

Requests per second and their times, as clients see them over connections that stay open; the client is this process, on the
same machine. With its defaults it takes less than a minute.`);
  process.exit();
}

const plan = {
  streams: Number(values.streams),
  connections: Number(values.connections),
  seconds: Number(values.seconds),
};
const ENV = { LOG_LEVEL: 'warn', LOG_FORMAT: 'json', HARDWARE_ENCODERS: 'none' };

/** `serve`, whose state is a file. */
async function onSqlite(): Promise<CaseResult[]> {
  const server = await startStreampool({ env: ENV });
  try {
    return await runCases(server, plan, (what) => say(`sqlite: ${what}`));
  } finally {
    await server.stop();
  }
}

/** A gateway: the API has no need of a worker. */
async function onRedis(): Promise<CaseResult[]> {
  const redis = await RedisServer.start({ listen: 'tcp' });
  try {
    const env = {
      ...ENV,
      REDIS_URL: redis.url,
      INTERNAL_TOKEN: 'a-secret-of-this-benchmark',
      WORKER_ID: 'gateway',
    };
    const server = await startStreampool({ args: ['gateway'], env });
    try {
      return await runCases(server, plan, (what) => say(`redis: ${what}`));
    } finally {
      await server.stop();
    }
  } finally {
    await redis.close();
  }
}

const results: { readonly store: string; readonly cases: CaseResult[] }[] = [];
for (const [store, run] of [
  ['sqlite', onSqlite],
  ['redis', onRedis],
] as const) {
  if (values.store === 'both' || values.store === store) results.push({ store, cases: await run() });
}

// Above 1, others wanted the processors too, and the figures are theirs as well.
const load = Number(((loadavg()[0] ?? 0) / availableParallelism()).toFixed(2));
if (values.json) console.log(JSON.stringify({ bench: 'api', options: values, load, results }));
else {
  printTable(
    results.flatMap(({ store, cases }) =>
      cases.map(({ what, requests, perSecond, p50, p99, max, bytes, cpuShare, cpuMs }) => ({
        ...{ what, store, requests, 'per second': perSecond, 'p50 ms': p50, 'p99 ms': p99, 'max ms': max },
        ...{ 'kB each': bytes / 1000, 'CPU ms each': cpuMs, cores: cpuShare },
      })),
    ),
  );
  console.log(`load of the machine in the last minute: ${load} per core`);
}

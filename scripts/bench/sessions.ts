/** How many viewing sessions the state keeps alive, in Redis and in SQLite. See `scripts/bench/sessions --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable, say } from './measure/report.ts';
import { redisPlace, sqlitePlace } from './sessions-cases/place.ts';
import {
  type Figures,
  growUsers,
  ownCpuPercent,
  runUsers,
  TOUCHES_PER_USER_AND_SECOND,
  type UsersResult,
} from './sessions-cases/run.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '100,1000,10000' },
    processes: { type: 'string', default: '1,4' },
    store: { type: 'string', default: 'both' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/sessions [options]

  --users 100,1000,10000   users that watch at the same time
  --processes 1,4          nodes that share the store, each with its part of the users
  --store both             redis, sqlite or both
  --quick                  a third of the time, for a look (the default takes about a minute)
  --json                   one JSON object on stdout

Every user asks for a playlist and a segment every 6 s, and both touch its session: 3,333 touches a second at 10,000 users,
spread over time. Measured at that pace, and as fast as each store takes them: touches per second, latency (of several
processes the largest p99), event-loop delay, CPU of the nodes with their threads, and of Redis. "CPU less load" is without
what making the touches costs itself, measured against a store that answers at once. Then SQLite is given twice as many
users until it does not keep up (p99 beyond 50 ms). Above a load of 1 per core others wanted the
processors too: then read the touches per second of CPU, which say what there is room for. The gateway itself touches less: what a viewer asks for within 2 s is one.`);
  process.exit();
}

const sizes = values.users.split(',').map(Number);
const durations = values.quick ? { loadMs: 800, mostMs: 500 } : { loadMs: 2_500, mostMs: 1_500 };
const stores = [
  ['redis', redisPlace],
  ['sqlite', sqlitePlace],
] as const;

const before = { load: loadavg()[0] ?? 0 };
const largest = Math.max(...sizes);
const ownCpu = await ownCpuPercent(largest * TOUCHES_PER_USER_AND_SECOND, durations.loadMs);
const results: UsersResult[] = [];
for (const [name, open] of stores) {
  if (values.store !== 'both' && values.store !== name) continue;
  for (const processes of values.processes.split(',').map(Number))
    results.push(...(await runUsers(open, processes, sizes, durations, say)));
}
const growth =
  values.store === 'redis'
    ? []
    : await growUsers(sqlitePlace, { from: largest, most: 640_000, ms: durations.loadMs }, say);
const enough = growth.filter(({ isEnough }) => isEnough).at(-1)?.users ?? 0;
const tooMany = growth.find(({ isEnough }) => !isEnough)?.users;

const machine = {
  cores: availableParallelism(),
  /** Per core, in the minute before. */
  loadBefore: Number((before.load / availableParallelism()).toFixed(2)),
  loadAfter: Number(((loadavg()[0] ?? 0) / availableParallelism()).toFixed(2)),
};

const best = (store: string): Figures | undefined =>
  results
    .filter((result) => result.store === store && result.processes === 1)
    .map(({ most }) => most)
    .sort((a, b) => b.perSecond - a.perSecond)[0];
const sqliteEnough = { users: enough, notFor: tooMany ?? null };

if (values.json) {
  const summary = {
    redisTouchesPerSecond: best('redis')?.perSecond,
    redisTouchesPerServerCpuSecond: best('redis')?.perServerCpuSecond,
    sqliteTouchesPerSecond: best('sqlite')?.perSecond,
    sqliteTouchesPerCpuSecond: best('sqlite')?.perCpuSecond,
    sqliteEnough,
    loadOwnCpuPercent: ownCpu,
  };
  console.log(JSON.stringify({ bench: 'sessions', options: values, machine, summary, results, growth }));
} else {
  const shown = ({ store, processes, users }: UsersResult): Record<string, string | number> => ({
    ...{ store, processes, users },
  });
  printTable(
    results.map((result) => ({
      ...shown(result),
      ...{ 'touches/s': result.load.perSecond, lost: result.load.lost },
      ...{ 'p50 ms': result.load.p50Ms, 'p99 ms': result.load.p99Ms },
      ...{ 'loop p99 ms': result.load.loopDelayP99Ms, 'CPU %': result.load.cpuPercent },
      'CPU less load %':
        result.users === largest && result.processes === 1
          ? Math.max(0, result.load.cpuPercent - ownCpu)
          : undefined,
      'Redis CPU %': result.load.serverCpuPercent || undefined,
    })),
  );
  console.log('\nAs fast as it goes:');
  printTable(
    results.map((result) => ({
      ...shown(result),
      ...{ 'touches/s': result.most.perSecond, lost: result.most.lost },
      ...{ 'p50 ms': result.most.p50Ms, 'p99 ms': result.most.p99Ms },
      ...{ 'loop p99 ms': result.most.loopDelayP99Ms, 'CPU %': result.most.cpuPercent },
      'Redis CPU %': result.most.serverCpuPercent || undefined,
      ...{ 'per CPU s': result.most.perCpuSecond, 'per Redis CPU s': result.most.perServerCpuSecond },
    })),
  );
  if (growth.length > 0) {
    const until = tooMany === undefined ? 'and it was not tried with more' : `not for ${tooMany}`;
    console.log(`\nSQLite is enough for ${enough} users of one node, ${until}`);
  }
  console.log(
    `load of the machine: ${machine.loadBefore} per core in the minute before, ${machine.loadAfter} in the last`,
  );
}

/** How many viewing sessions the state keeps alive, in Redis and in SQLite. See `scripts/bench/sessions --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable, say } from './measure/report.ts';
import { redisPlace, sqlitePlace } from './sessions-cases/place.ts';
import {
  type Figures,
  findLimit,
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
  --quick                  a third of the time, for a look (the default takes 90 s at most)
  --json                   one JSON object on stdout

Every user asks for a playlist and a segment every 6 s, and both touch its session: 3,333 touches a second at 10,000 users,
spread over time. Measured at that pace, and as fast as each store takes them: touches per second, latency (of several
processes the largest p99), event-loop delay, CPU of the nodes with their threads, and of Redis. "CPU less load" is without
what making the touches costs itself, measured against a store that answers at once. At last it is searched for the number of
users that one node with SQLite is enough for: all their touches are taken, with a p99 of 5 ms at most, of which 3 are what
touches wait for each other; on a machine that is not quiet that says nothing. An idle process looks at its own timers meanwhile: where those were late by more than 5 ms
(p99) the figure is marked noisy, for it says nothing of the store; then read the touches per second of CPU, which say what there is room for.
The gateway itself touches less: what a viewer asks for within 2 s is one.`);
  process.exit();
}

const sizes = values.users.split(',').map(Number);
const durations = values.quick ? { loadMs: 700, mostMs: 400 } : { loadMs: 1_500, mostMs: 700 };
/** No step of the search begins later than so long after the start; ms. */
const SEARCH_UNTIL_MS = values.quick ? 10_000 : 25_000;
const startedAt = performance.now();
/** More than that per core in the minute before, and the machine is not quiet. */
const QUIET_LOAD = 0.75;
const stores = [
  ['redis', redisPlace],
  ['sqlite', sqlitePlace],
] as const;

const before = { load: loadavg()[0] ?? 0 };
const largest = Math.max(...sizes);
const ownCpu = await ownCpuPercent(largest * TOUCHES_PER_USER_AND_SECOND, durations.loadMs);
// What the verdict rests on first: the rest may take the longer.
const limit =
  values.store === 'redis'
    ? undefined
    : await findLimit(
        sqlitePlace,
        { from: largest, most: 160_000, ms: durations.loadMs, until: startedAt + SEARCH_UNTIL_MS },
        say,
      );
const results: UsersResult[] = [];
for (const [name, open] of stores) {
  if (values.store !== 'both' && values.store !== name) continue;
  for (const processes of values.processes.split(',').map(Number))
    results.push(...(await runUsers(open, processes, sizes, durations, say)));
}
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
/** By store, users and processes. */
const figures: Record<string, Record<number, Record<number, Pick<UsersResult, 'load' | 'most'>>>> = {};
for (const { store, users, processes, load, most } of results) {
  const ofStore = figures[store] ?? {};
  figures[store] = ofStore;
  ofStore[users] = { ...ofStore[users], [processes]: { load, most } };
}
/** Others wanted the processors when it began, or while it ran. */
const isNoisy =
  machine.loadBefore > QUIET_LOAD || results.some(({ load }) => load.isNoisy) || limit?.isNoisy === true;

if (values.json) {
  const summary = {
    redisTouchesPerSecond: best('redis')?.perSecond,
    redisTouchesPerServerCpuSecond: best('redis')?.perServerCpuSecond,
    sqliteTouchesPerSecond: best('sqlite')?.perSecond,
    sqliteTouchesPerCpuSecond: best('sqlite')?.perCpuSecond,
    sqliteEnoughFor: limit?.enoughFor,
    loadOwnCpuPercent: ownCpu,
    isNoisy,
  };
  console.log(
    JSON.stringify({ bench: 'sessions', options: values, machine, summary, figures, sqliteLimit: limit }),
  );
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
      ...{ 'control p99 ms': result.load.controlP99Ms, noisy: result.load.isNoisy ? 'noisy' : '' },
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
  if (limit) {
    const { enoughFor, touchesPerSecond, notFor } = limit;
    const until = notFor === null ? 'it was not tried with more' : `not for ${notFor}`;
    const noisy = isNoisy ? ' (noisy: others had the processors, so it may be more)' : '';
    console.log(
      enoughFor !== null
        ? `\nSQLite is enough for ${enoughFor} users of one node (${touchesPerSecond} touches/s); ${until}${noisy}`
        : `\nHow many users SQLite is enough for is not known; ${until}${noisy}`,
    );
  }
  if (isNoisy) console.log('noisy: times of this run are not to be quoted');
  console.log(
    `load of the machine: ${machine.loadBefore} per core in the minute before, ${machine.loadAfter} in the last`,
  );
}

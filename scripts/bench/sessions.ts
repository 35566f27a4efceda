/** How many viewing sessions the state keeps alive, in Redis and in SQLite. See `scripts/bench/sessions --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable, say } from './measure/report.ts';
import { ENOUGH, findLimit } from './sessions-cases/limit.ts';
import { redisPlace, sqlitePlace } from './sessions-cases/place.ts';
import { type Figures, runUsers, type UsersResult } from './sessions-cases/run.ts';

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
  --quick                  a third of the time, for a look (the default takes three minutes at most)
  --json                   one JSON object on stdout

Every user asks for a playlist and a segment every 6 s, and both touch its session: 3,333 touches a second at 10,000 users,
spread over time. Measured at that pace, and as fast as each store takes them: touches per second, latency of each from its call
to its answer (of several processes the largest p99), event-loop delay, CPU of the nodes with their threads, and of Redis. What
making the touches costs is measured in the same processes, just before and after, with touches that ask nobody: "store CPU" is
the difference, and "trip CPU" what as many calls cost that only ask whether the store is there. At last it is searched for the number of users that one node with SQLite is enough for: all their touches are
taken, with a p99 of ${ENOUGH.p99Ms} ms at most and an event loop that is no later than ${ENOUGH.loopDelayP99Ms} ms (p99), for at most half a core; each number is
measured three times, and the middle counts. An idle process looks at its own timers meanwhile: where those were late by more than
2 ms (p99) the figure is marked noisy, for it says nothing of the store; then read the touches per second of CPU, which say what
there is room for.
The gateway itself touches less: what a viewer asks for within 2 s is one.`);
  process.exit();
}

const sizes = values.users.split(',').map(Number);
const durations = values.quick
  ? { loadMs: 700, mostMs: 400, searchMs: 1_000 }
  : { loadMs: 1_500, mostMs: 700, searchMs: 2_500 };
/** No step of the search begins later than so long after the start; ms. */
const SEARCH_UNTIL_MS = values.quick ? 20_000 : 75_000;
const startedAt = performance.now();
/** More than that per core in the minute before, and the machine is not quiet. */
const QUIET_LOAD = 0.75;
const stores = [
  ['redis', redisPlace],
  ['sqlite', sqlitePlace],
] as const;

const before = { load: loadavg()[0] ?? 0 };
const largest = Math.max(...sizes);
// What the verdict rests on first: the rest may take the longer.
const limit =
  values.store === 'redis'
    ? undefined
    : await findLimit(
        sqlitePlace,
        { from: largest, most: 160_000, ms: durations.searchMs, until: startedAt + SEARCH_UNTIL_MS },
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
/** What the largest number of users costs one node. */
const atLoad = (store: string): Record<string, number | undefined> => {
  const found = results.find((it) => it.store === store && it.processes === 1 && it.users === largest);
  return {
    [`${store}P99Ms`]: found?.load.p99Ms,
    [`${store}CpuPercent`]: found?.load.storeCpuPercent,
    [`${store}TripCpuPercent`]: found?.load.tripCpuPercent,
    [`${store}LoopDelayP99Ms`]: found?.load.loopDelayP99Ms,
  };
};
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
    ...atLoad('redis'),
    ...atLoad('sqlite'),
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
      ...{ 'bare CPU %': result.load.bareCpuPercent, 'store CPU %': result.load.storeCpuPercent },
      'trip CPU %': result.load.tripCpuPercent,
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
    const { enoughFor, touchesPerSecond, notFor, because } = limit;
    const until = notFor === null ? 'it was not tried with more' : `not for ${notFor}: ${because.join(', ')}`;
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

import type { SqliteClusterState, WorkerRecord } from '@streampool/state';
import { removeEndedWorkers } from '../../src/processes/predecessors.ts';
import { beat, openStore } from '../store.ts';

let state: SqliteClusterState;

beforeEach(() => {
  ({ state } = openStore());
});

afterEach(() => state.close());

const OURS = process.pid;

/** Registers a worker and says whether it is taken for ended, on a host whose processes are the given pids with their starts. */
async function isRemoved(
  worker: Partial<WorkerRecord> & { pid: number },
  processes: Record<number, number>,
  pids: readonly number[] = [],
): Promise<boolean> {
  await state.heartbeat(beat('w1', { worker }));
  const removed = await removeEndedWorkers(state, {
    host: 'here',
    startTicks: (pid) => processes[pid],
    exists: (pid) => pids.includes(pid),
  });
  expect((await state.listWorkers()).map(({ id }) => id)).toEqual(removed.length > 0 ? [] : ['w1']);
  return removed.length > 0;
}

test.each<[string, boolean, Partial<WorkerRecord> & { pid: number }, Record<number, number>]>([
  ['its process runs', false, { pid: 7, startTicks: 70 }, { [OURS]: 1, 7: 70 }],
  ['its process runs, and its start is not known', false, { pid: 7 }, { [OURS]: 1, 7: 70 }],
  ['there is no such process', true, { pid: 7, startTicks: 70 }, { [OURS]: 1 }],
  ['its pid is another process’s', true, { pid: 7, startTicks: 70 }, { [OURS]: 1, 7: 71 }],
  [
    'its pid is ours now, as in a container that restarted',
    true,
    { pid: OURS, startTicks: 9 },
    { [OURS]: 10 },
  ],
  ['its pid is ours now, and its start is not known', true, { pid: OURS }, { [OURS]: 10 }],
  ['it is we ourselves', false, { pid: OURS, startTicks: 10 }, { [OURS]: 10 }],
  ['it is on another host', false, { pid: 7, host: 'elsewhere' }, { [OURS]: 1 }],
])('a worker of which %s: ended is %s', async (_, expected, worker, processes) => {
  expect(await isRemoved(worker, processes)).toBe(expected);
});

test('without /proc the pid decides', async () => {
  expect(await isRemoved({ pid: 7 }, {}, [7])).toBe(false);
  expect(await isRemoved({ pid: 7 }, {}, [])).toBe(true);
});

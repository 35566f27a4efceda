/** A state's thread whose clock the test moves: `workerData.clock` holds ms since the epoch. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveState } from '../../src/sqlite/serve-state.ts';
import { SqliteClusterState } from '../../src/sqlite/sqlite-cluster-state.ts';

const clock = new BigInt64Array(workerData.clock);
if (parentPort) {
  serveState(
    parentPort,
    () => new SqliteClusterState({ ...workerData.options, now: () => Number(Atomics.load(clock, 0)) }),
  );
}

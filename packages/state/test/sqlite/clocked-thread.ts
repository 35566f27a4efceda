/**
 * A thread for the states of many tests, whose clock they move: `workerData.clock` holds ms since the epoch. Each message
 * brings the options of a state, and a port to serve it at.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { serveState } from '../../src/sqlite/serve-state.ts';
import { SqliteClusterState, type SqliteStateOptions } from '../../src/sqlite/sqlite-cluster-state.ts';

const clock = new BigInt64Array(workerData.clock);
parentPort?.on('message', ({ port, options }: { port: MessagePort; options: SqliteStateOptions }) => {
  serveState(port, () => new SqliteClusterState({ ...options, now: () => Number(Atomics.load(clock, 0)) }));
});

/** Entry of the thread that {@link openSqliteState} starts. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveState } from './serve-state.ts';
import { SqliteClusterState } from './sqlite-cluster-state.ts';

if (parentPort) serveState(parentPort, () => new SqliteClusterState(workerData));

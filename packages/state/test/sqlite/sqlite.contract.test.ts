import { MessageChannel, Worker } from 'node:worker_threads';
import { RememberingState, SqliteClusterState } from '../../src/index.ts';
import { openBehind, type StateThread } from '../../src/sqlite/threaded-state.ts';
import { describeClusterState } from '../contract/cluster-state.contract.ts';
import { everythingShown } from './everything-shown.ts';
import { temporaryFile } from './temporary-file.ts';

const leaseMs = 10_000;
const clientTtlMs = 30_000;
const sessionTimeoutMs = 20_000;
/** Some tests ask for much at once. */
const CALL_TIMEOUT_MS = 60_000;

describeClusterState('SQLite', async () => {
  const file = temporaryFile();
  let nowMs = 1_800_000_000_000;
  const connect = async () =>
    new SqliteClusterState({ path: file.path, leaseMs, clientTtlMs, sessionTimeoutMs, now: () => nowMs });
  const state = await connect();
  return {
    state,
    leaseMs,
    clientTtlMs,
    sessionTimeoutMs,
    connect,
    advance: async (ms) => {
      nowMs += Math.ceil(ms);
    },
    shown: async () => everythingShown(file.path),
    close: async () => {
      await state.close();
      file.remove();
    },
  };
});

// To start a thread takes longer than a test: all tests have one.
const clock = new BigInt64Array(new SharedArrayBuffer(8));
const thread = new Worker(new URL('./clocked-thread.ts', import.meta.url), {
  workerData: { clock: clock.buffer },
});
afterAll(() => thread.terminate());

describeClusterState('SQLite on a thread of its own', async () => {
  const file = temporaryFile();
  Atomics.store(clock, 0, 1_800_000_000_000n);
  const options = { path: file.path, leaseMs, clientTtlMs, sessionTimeoutMs };
  const connect = () => {
    const { port1, port2 } = new MessageChannel();
    thread.postMessage({ port: port2, options }, [port2]);
    const terminate = async () => {
      port1.close();
      return 0;
    };
    return openBehind(Object.assign(port1, { terminate }) as unknown as StateThread, CALL_TIMEOUT_MS);
  };
  const state = await connect();
  return {
    state,
    leaseMs,
    clientTtlMs,
    sessionTimeoutMs,
    connect,
    advance: async (ms) => {
      Atomics.add(clock, 0, BigInt(Math.ceil(ms)));
    },
    shown: async () => everythingShown(file.path),
    close: async () => {
      await state.close();
      file.remove();
    },
  };
});

describeClusterState('SQLite, remembered', async () => {
  const file = temporaryFile();
  let nowMs = 1_800_000_000_000;
  const connect = async () =>
    new RememberingState({
      state: new SqliteClusterState({
        path: file.path,
        leaseMs,
        clientTtlMs,
        sessionTimeoutMs,
        now: () => nowMs,
      }),
    });
  const state = await connect();
  return {
    state,
    leaseMs,
    clientTtlMs,
    sessionTimeoutMs,
    connect,
    advance: async (ms) => {
      nowMs += Math.ceil(ms);
    },
    shown: async () => everythingShown(file.path),
    close: async () => {
      await state.close();
      file.remove();
    },
  };
});

import { RememberingState, SqliteClusterState } from '../../src/index.ts';
import { openOnThread } from '../../src/sqlite/threaded-state.ts';
import { describeClusterState } from '../contract/cluster-state.contract.ts';
import { everythingShown } from './everything-shown.ts';
import { temporaryFile } from './temporary-file.ts';

const leaseMs = 10_000;
const clientTtlMs = 30_000;
const sessionTimeoutMs = 20_000;

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

describeClusterState('SQLite on a thread of its own', async () => {
  const file = temporaryFile();
  const clock = new BigInt64Array(new SharedArrayBuffer(8));
  Atomics.store(clock, 0, 1_800_000_000_000n);
  const script = new URL('./clocked-thread.ts', import.meta.url);
  const options = { path: file.path, leaseMs, clientTtlMs, sessionTimeoutMs };
  const connect = () => openOnThread(script, { clock: clock.buffer, options });
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

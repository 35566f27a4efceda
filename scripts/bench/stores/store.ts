import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterState, openSqliteState } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import { RedisServer } from '@streampool/testkit';

/** How long what is to expire lives, ms: longer than it takes to write it, short enough to wait for. */
export const SHORT_MS = 2_000;
/** How long everything else lives. */
const LONG_MS = 3_600_000;

/** An empty store of the bench's own. */
export interface BenchStore {
  readonly name: 'Redis' | 'SQLite';
  /** In which nothing expires. */
  readonly state: ClusterState;
  /** The same data, as a node sees it whose leases and viewers live for {@link SHORT_MS}. */
  readonly mortal: ClusterState;
  /** Bytes of memory that its data takes. Of SQLite nothing is said: its file grows by more than what is in it. */
  size?(): Promise<number>;
  close(): Promise<void>;
}

export async function redisStore(): Promise<BenchStore> {
  const server = await RedisServer.start();
  const connect = (ms: number): ClusterState =>
    new RedisClusterState({ url: server.url, leaseMs: ms, clientTtlMs: ms, timeoutMs: 60_000 });
  const [state, mortal] = [connect(LONG_MS), connect(SHORT_MS)];
  return {
    name: 'Redis',
    state,
    mortal,
    size: async () => Number(/used_memory:(\d+)/.exec(await server.command('INFO', 'memory'))?.[1]),
    close: async () => {
      await Promise.all([state.close(), mortal.close()]);
      await server.close();
    },
  };
}

export async function sqliteStore(): Promise<BenchStore> {
  const directory = mkdtempSync(join(tmpdir(), 'streampool-bench-'));
  const path = join(directory, 'state.db');
  const open = (ms: number): Promise<ClusterState> =>
    openSqliteState({ path, leaseMs: ms, clientTtlMs: ms, callTimeoutMs: 60_000 });
  const [state, mortal] = [await open(LONG_MS), await open(SHORT_MS)];
  return {
    name: 'SQLite',
    state,
    mortal,
    close: async () => {
      await Promise.all([state.close(), mortal.close()]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

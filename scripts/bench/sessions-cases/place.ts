import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer } from '@streampool/testkit';

/** An empty store of the bench's own that several processes can open. */
export interface Place {
  readonly kind: 'redis' | 'sqlite';
  /** Its URL, or its file. */
  readonly at: string;
  /** CPU that its server has used, in seconds: 0 where it works in the nodes' own processes. */
  serverCpuSeconds(): Promise<number>;
  close(): Promise<void>;
}

export async function redisPlace(): Promise<Place> {
  const server = await RedisServer.start();
  return {
    kind: 'redis',
    at: server.url,
    async serverCpuSeconds() {
      const info = await server.command('INFO', 'cpu');
      const used = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
      return used('used_cpu_user') + used('used_cpu_sys');
    },
    close: () => server.close(),
  };
}

export async function sqlitePlace(): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'streampool-bench-sessions-'));
  return {
    kind: 'sqlite',
    at: join(directory, 'state.db'),
    serverCpuSeconds: async () => 0,
    close: async () => rmSync(directory, { recursive: true, force: true }),
  };
}

import {
  type ClientRecord,
  type Heartbeat,
  SqliteClusterState,
  type StreamDefinition,
} from '@streampool/state';

export const LEASE_MS = 10_000;
export const CLIENT_TTL_MS = 10_000;

/**
 * A state in memory whose clock the test moves, while the worker `alive` goes on beating: where nobody is heard, nobody
 * is found dead.
 */
export function openStore(): { state: SqliteClusterState; advance(ms: number): Promise<void> } {
  let now = 1_800_000_000_000;
  const state = new SqliteClusterState({
    path: ':memory:',
    leaseMs: LEASE_MS,
    clientTtlMs: CLIENT_TTL_MS,
    now: () => now,
  });
  return {
    state,
    advance: async (ms) => {
      const step = LEASE_MS / 8;
      for (let left = ms; left > 0; left -= step) {
        now += Math.min(step, left);
        await state.heartbeat(beat('alive'));
      }
    },
  };
}

export function definition(id: string): StreamDefinition {
  return {
    id,
    kind: 'transcode',
    streamType: 'direct',
    url: 'http://provider.example/1.ts',
    failoverUrls: [],
    headers: {},
    metadata: {},
    settings: {},
    createdAtMs: 0,
  };
}

export function beat(
  id: string,
  fields: Partial<Omit<Heartbeat, 'worker'>> & { worker?: Partial<Heartbeat['worker']> } = {},
): Heartbeat {
  const worker: Heartbeat['worker'] = {
    id,
    host: 'here',
    pid: 1,
    url: '',
    status: 'ready',
    version: '0',
    ownedStreams: 0,
    viewers: 0,
    capacity: 0,
    load: 0,
    startedAtMs: 0,
    ...fields.worker,
  };
  return { streams: [], clients: [], gone: [], ...fields, worker };
}

export function client(id: string, streamId: string, node: string): ClientRecord {
  return {
    id,
    streamId,
    node,
    ip: '192.0.2.1',
    userAgent: 'VLC',
    connectedAtMs: 0,
    lastActiveMs: 0,
    bytes: 0,
    lagBytes: 0,
    skips: 0,
  };
}

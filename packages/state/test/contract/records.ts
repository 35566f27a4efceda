import type { ClientRecord, Heartbeat, StreamDefinition } from '../../src/index.ts';

/** A stream's id: 32 hex digits, different for every number. */
export function idOf(n: number): string {
  return n.toString(16).padStart(32, '0');
}

export function definition(n: number, fields: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    id: idOf(n),
    kind: 'transcode',
    streamType: 'direct',
    url: `http://provider.example/live/alice/s3cret/${n}.ts`,
    failoverUrls: [],
    headers: {},
    metadata: {},
    settings: {},
    createdAtMs: 1_700_000_000_000,
    ...fields,
  };
}

export function worker(id: string, fields: Partial<Heartbeat['worker']> = {}): Heartbeat['worker'] {
  return {
    id,
    host: `host-of-${id}`,
    pid: 100,
    url: `http://${id}.example:8085`,
    status: 'ready',
    version: '0.1.0',
    ownedStreams: 0,
    viewers: 0,
    capacity: 0,
    load: 0.5,
    startedAtMs: 1_700_000_000_000,
    ...fields,
  };
}

export function client(
  id: string,
  streamId: string,
  node: string,
  fields: Partial<ClientRecord> = {},
): ClientRecord {
  return {
    id,
    streamId,
    node,
    ip: '192.0.2.7',
    userAgent: 'VLC/3.0.20 LibVLC/3.0.20',
    connectedAtMs: 1_700_000_000_000,
    lastActiveMs: 1_700_000_000_000,
    bytes: 0,
    lagBytes: 0,
    skips: 0,
    ...fields,
  };
}

export function beat(id: string, fields: Partial<Omit<Heartbeat, 'worker'>> = {}): Heartbeat {
  return { worker: worker(id), streams: [], clients: [], gone: [], ...fields };
}

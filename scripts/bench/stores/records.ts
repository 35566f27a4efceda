import type { ClientRecord, Heartbeat, StreamDefinition, StreamReport } from '@streampool/state';

/** Synthetic records, as long as real ones are. */

export function idOf(kind: string, n: number): string {
  return Buffer.from(`${kind}${n}`).toString('hex').padStart(32, '0').slice(-32);
}

export function definition(id: string, n: number): StreamDefinition {
  return {
    id,
    kind: 'transcode',
    streamType: 'direct',
    url: `http://provider-${n % 50}.example:8080/live/some-user-name/some-password/${n}.ts`,
    failoverUrls: [`http://fallback.example:8080/live/some-user-name/some-password/${n}.ts`],
    headers: { referer: 'http://portal.example/' },
    metadata: { title: `Channel ${n} HD`, group: `Group ${n % 40}` },
    profile: 'hq',
    profileVariables: { video_bitrate: '4M' },
    settings: {},
    createdAtMs: 1_800_000_000_000,
  };
}

export function beat(worker: string, fields: Partial<Omit<Heartbeat, 'worker'>> = {}): Heartbeat {
  return {
    worker: {
      id: worker,
      host: `host-of-${worker}`,
      pid: 4_000,
      url: `http://${worker}.cluster.example:8085`,
      status: 'ready',
      version: '0.1.0',
      ownedStreams: 100,
      viewers: 1_000,
      capacity: 0,
      load: 0.5,
      startedAtMs: 1_800_000_000_000,
    },
    streams: [],
    clients: [],
    gone: [],
    ...fields,
  };
}

/** What an owner says of a live stream at every beat. */
export function report(streamId: string, epoch: number, round: number): StreamReport {
  return {
    streamId,
    epoch,
    state: 'live',
    ffmpegPid: 5_000 + epoch,
    ffmpegStartTicks: 123_456_789,
    bitrateKbps: 4_000 + round,
    fps: 25,
    speed: 1.01,
    failoverIndex: 0,
    failoverAttempts: 0,
  };
}

export function client(id: string, streamId: string, node: string): ClientRecord {
  return {
    id,
    streamId,
    node,
    ip: '203.0.113.77',
    userAgent: 'VLC/3.0.20 LibVLC/3.0.20',
    username: 'some-user',
    connectedAtMs: 1_800_000_000_000,
    lastActiveMs: 1_800_000_000_000,
    bytes: 123_456_789,
    lagBytes: 65_536,
    skips: 0,
  };
}

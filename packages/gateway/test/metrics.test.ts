import type { PoolState, ViewerSnapshot } from '@streampool/streaming';
import { Registry } from 'prom-client';
import type { NodeFigures } from '../src/index.ts';
import { EngineMetrics } from '../src/metrics/engine-metrics.ts';
import { Growth } from '../src/metrics/growth.ts';
import { IncidentMetrics } from '../src/metrics/incident-metrics.ts';
import { FakeEngine, poolSnapshot } from './fake-engine.ts';
import { closeAll, GatewayUnderTest } from './gateway-under-test.ts';

afterEach(closeAll);

const VIEWER: ViewerSnapshot = {
  clientId: 'x',
  streamId: 's',
  ip: '127.0.0.1',
  userAgent: 'VLC',
  connectedAt: 0,
  lastActive: 0,
  bytes: 0,
  lagBytes: 0,
  skips: 0,
};

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

function samples(text: string): Sample[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels, value]) => ({
    name: name!,
    labels: labels ?? '',
    value: Number(value),
  }));
}

async function scrape(it: GatewayUnderTest): Promise<string> {
  const response = await it.get('/metrics');
  expect(response.headers.get('content-type')).toContain('text/plain');
  return response.text();
}

test('names keep to the rules that promtool checks', async () => {
  const it = await GatewayUnderTest.start();
  await it.get('/streams');
  const text = await scrape(it);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name: name!,
    type: type!,
  }));
  const own = types.filter(({ name }) => name.startsWith('streampool_'));
  expect(own.length).toBeGreaterThan(12);
  for (const { name, type } of types) {
    const help = new RegExp(`^# HELP ${name} \\S.*$`, 'm').test(text);
    expect([name, help]).toEqual([name, true]);
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect([name, /_(?:ms|milliseconds|kb|mb|kilobytes|percent)(?:_|$)/.test(name)]).toEqual([name, false]);
    expect([name, type, name.endsWith('_total')]).toEqual([name, type, type === 'counter']);
    expect(name).not.toMatch(/_(?:count|sum|bucket|counter|gauge|histogram)$/);
  }
  expect(types.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']),
  );
});

test('the number of series does not follow the audience', async () => {
  const it = await GatewayUnderTest.start();
  const count = async () =>
    samples(await scrape(it)).filter(({ name }) => name.startsWith('streampool_')).length;
  const id = await it.define({ url: 'http://h/a.ts' });
  await it.get(`/stream/${id}`);
  await count();
  const before = await count();
  for (let n = 0; n < 20; n += 1) {
    const other = await it.define({ url: `http://h/${n}.ts` });
    await it.get(`/stream/${other}?client_id=c${n}`);
    await it.get(`/streams/${other}`);
  }
  const after = await count();
  // Routes that were not asked for before add theirs; neither streams nor viewers do.
  expect(after - before).toBeLessThan(50);
  expect(await scrape(it)).not.toContain(id);
});

test('pools, viewers and FFmpeg are what the engine says now', async () => {
  const it = await GatewayUnderTest.start();
  it.engine.poolSnapshots = [
    poolSnapshot({ streamId: 'a', kind: 'transcode', pid: 5, viewers: 3, ringBytes: 100 }),
    poolSnapshot({ streamId: 'b', kind: 'transcode', state: 'failed', viewers: 0 }),
    poolSnapshot({ streamId: 'c', kind: 'shared', viewers: 4, ringBytes: 11, bytesIn: 7, bytesOut: 28 }),
  ];
  const now = samples(await scrape(it));
  const value = (name: string, ...labels: string[]): number | undefined =>
    now.find((sample) => sample.name === name && labels.every((label) => sample.labels.includes(label)))
      ?.value;
  expect(value('streampool_pools', 'kind="transcode"', 'state="live"')).toBe(1);
  expect(value('streampool_pools', 'kind="transcode"', 'state="failed"')).toBe(1);
  expect(value('streampool_pools', 'kind="direct"', 'state="live"')).toBe(0);
  expect(value('streampool_viewers', 'kind="transcode"')).toBe(3);
  expect(value('streampool_viewers', 'kind="shared"')).toBe(4);
  expect(value('streampool_ffmpeg_processes')).toBe(1);
  expect(value('streampool_ring_bytes')).toBe(111);
  expect(value('streampool_viewer_sent_bytes_total')).toBe(28);
  expect(value('streampool_source_received_bytes_total', 'source="provider"')).toBe(7);
  expect(value('streampool_build_info', 'version="0.0.0-test"')).toBe(1);
});

test('events become counters; reasons without end become one', async () => {
  const engine = new FakeEngine();
  const registry = new Registry();
  const metrics = new EngineMetrics(engine, registry);
  engine.emit('viewer_detached', { ...VIEWER, reason: 'stuck' });
  engine.emit('viewer_skipped', { streamId: 's', clientId: 'x', bytesSkipped: 188 });
  for (let n = 0; n < 100; n += 1) {
    engine.emit('source_switched', { streamId: 's', reason: `r${n}`, gapMs: 40, failoverIndex: 0 });
  }
  expect(metrics.totals()).toMatchObject({ skips: 1, sourceSwitches: 100, detachesByReason: { stuck: 1 } });
  expect(Object.keys(metrics.totals().switchesByReason)).toHaveLength(31);
  const text = await registry.metrics();
  expect(text).toContain('streampool_viewer_detaches_total{reason="stuck"} 1');
  expect(text).toContain('streampool_viewer_skipped_bytes_total 188');
  expect(text).toContain('streampool_source_switches_total{reason="other"} 70');
  metrics.close();
  engine.emit('viewer_detached', { ...VIEWER, reason: 'stuck' });
  expect(metrics.totals().detachesByReason).toEqual({ stuck: 1 });
});

test('what a stream had sent when its last viewer left is not lost', async () => {
  const engine = new FakeEngine();
  const metrics = new EngineMetrics(engine, new Registry());
  engine.poolSnapshots = [poolSnapshot({ streamId: 's', bytesOut: 1_000 })];
  engine.emit('viewer_detached', { ...VIEWER, reason: 'left' });
  engine.poolSnapshots = [];
  engine.emit('pool_state', { streamId: 's', from: 'live', to: 'stopped', reason: 'the last viewer left' });
  expect(metrics.totals().bytesOut).toBe(1_000);
  metrics.close();
});

test('what viewers without sockets were sent counts once, whether a pool plays the stream or not', () => {
  const engine = new FakeEngine();
  const metrics = new EngineMetrics(engine, new Registry());
  const carried = { bytesOut: 300, since: 5 };
  const totals = [
    poolSnapshot({ streamId: 's', startedAt: 1, bytesOut: 1_000 }),
    poolSnapshot({ streamId: 's', startedAt: 1, bytesOut: 1_300, carried }),
    poolSnapshot({ streamId: 's', startedAt: 5, bytesOut: 300, relayed: true, carried }),
    poolSnapshot({ streamId: 's', startedAt: 9, bytesOut: 310, carried: { ...carried, bytesOut: 310 } }),
  ].map((snapshot) => {
    engine.poolSnapshots = [snapshot];
    return metrics.totals().bytesOut;
  });
  expect(totals).toEqual([1_000, 1_300, 1_300, 1_310]);
  metrics.close();
});

test('bytes go on counting when a pool ends and another begins', () => {
  const growth = new Growth();
  expect(growth.take([['a:1', 100]])).toBe(100);
  expect(growth.take([['a:1', 150]])).toBe(50);
  expect(growth.take([])).toBe(0);
  expect(growth.take([['a:2', 30]])).toBe(30);
  expect(growth.take([['a:2', 10]])).toBe(10);
});

test('a node of a cluster shows its relays, what it owns, and how it stands with the state', async () => {
  let figures: NodeFigures | undefined;
  const it = await GatewayUnderTest.start({}, { figures: () => figures });
  it.engine.poolSnapshots = [
    poolSnapshot({ streamId: 'a', kind: 'shared', relayed: true, relays: 0 }),
    poolSnapshot({ streamId: 'b', kind: 'shared', relayed: true, state: 'failed' }),
    poolSnapshot({ streamId: 'c', kind: 'transcode', relayed: false, relays: 3 }),
  ];
  const before = await scrape(it);
  expect(before).toContain('streampool_relays{direction="in"} 1');
  expect(before).toContain('streampool_relays{direction="out"} 3');
  expect(before).not.toMatch(/^streampool_state_connected /m);
  const worker = {
    ...{
      connected: true,
      unheardBeats: 0,
      ownedStreams: 2,
      takeovers: 5,
      ownershipsLost: 1,
      claims: { granted: 4, refused: 2 },
    },
    ...{ encoders: 1, limits: { maxStreams: 0, maxEncoders: 4 } },
    ...{ status: 'ready' as const, pendingEvents: 0, droppedEvents: 0, droppedEntries: 0 },
  };
  const jobs = {
    runs: [{ name: 'reaper', runs: 7, failures: 1 }],
    reaped: { workers_removed: 2, clients_removed: 40 },
    orphansKilled: 1,
  };
  figures = { worker, jobs };
  // Counts are what they are, however often somebody looks.
  await scrape(it);
  const text = await scrape(it);
  for (const line of [
    'streampool_owned_streams 2',
    'streampool_encoders 1',
    'streampool_most_encoders 4',
    'streampool_draining 0',
    'streampool_state_connected 1',
    'streampool_state_unheard_beats 0',
    'streampool_takeovers_total 5',
    'streampool_ownerships_lost_total 1',
    'streampool_job_runs_total{task="reaper"} 7',
    'streampool_job_failures_total{task="reaper"} 1',
    'streampool_reaper_actions_total{action="workers_removed"} 2',
    'streampool_reaper_actions_total{action="clients_removed"} 40',
    'streampool_orphans_killed_total 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).not.toMatch(/^streampool_most_streams /m);
  figures = { worker: { ...worker, connected: false, unheardBeats: 3, status: 'draining' } };
  const away = await scrape(it);
  expect(away).toContain('streampool_state_connected 0');
  expect(away).toContain('streampool_state_unheard_beats 3');
  expect(away).toContain('streampool_draining 1');
  const names = [...away.matchAll(/^# TYPE (streampool_\S+) (\S+)$/gm)];
  for (const [, name, type] of names)
    expect([name, name!.endsWith('_total')]).toEqual([name, type === 'counter']);
});

test('starts, gaps and failovers are told by their causes', async () => {
  const engine = new FakeEngine();
  const registry = new Registry();
  let now = 0;
  const metrics = new IncidentMetrics(engine, registry, () => now);
  const state = (from: PoolState, to: PoolState) =>
    engine.emit('pool_state', { streamId: 's', from, to, reason: 'r' });
  state('idle', 'starting');
  now = 300;
  state('starting', 'live');
  // A source that is back is no start.
  state('live', 'switching');
  state('switching', 'live');
  const switched = { streamId: 's', reason: 'UPSTREAM_CUT', gapMs: 0 };
  for (const failoverIndex of [0, 1, 1, 0]) engine.emit('source_switched', { ...switched, failoverIndex });
  for (const clientId of ['a', 'b'])
    engine.emit('source_switched', { ...switched, clientId, failoverIndex: 1 });
  engine.emit('viewer_detached', { ...VIEWER, clientId: 'a', reason: 'left' });
  engine.emit('source_switched', { ...switched, clientId: 'a', failoverIndex: 1 });
  engine.emit('noted', { type: 'source_gap', streamId: 's', gapMs: 1_500, index: 0 });
  engine.emit('noted', {
    type: 'viewer_unblocked',
    streamId: 's',
    clientId: 'a',
    blockedMs: 400,
    lagBytes: 1,
  });
  state('live', 'failed');
  state('idle', 'starting');
  now = 5_300;
  state('starting', 'failed');
  const lines = (await registry.metrics()).split('\n');
  for (const line of [
    'streampool_stream_start_duration_seconds_sum{outcome="live"} 0.3',
    'streampool_stream_start_duration_seconds_count{outcome="live"} 1',
    'streampool_stream_start_duration_seconds_sum{outcome="failed"} 5',
    'streampool_failovers_total{reason="UPSTREAM_CUT"} 5',
    'streampool_gap_seconds_sum{cause="source"} 1.5',
    'streampool_gap_seconds_sum{cause="viewer"} 0.4',
    'streampool_incidents_total{type="source_gap"} 1',
  ]) {
    expect(lines).toContain(line);
  }
  metrics.close();
});

test('bytes are told apart by where they came from and went to, also when a pool moves', async () => {
  const engine = new FakeEngine();
  const registry = new Registry();
  const metrics = new EngineMetrics(engine, registry);
  const pool = { streamId: 's', kind: 'shared', relays: 1 } as const;
  engine.poolSnapshots = [
    poolSnapshot({ ...pool, relayed: false, bytesIn: 100, bytesOut: 70, relayBytesOut: 20 }),
  ];
  metrics.totals();
  engine.poolSnapshots = [
    poolSnapshot({ ...pool, relayed: true, bytesIn: 130, bytesOut: 90, relayBytesOut: 20 }),
  ];
  const lines = (await registry.metrics()).split('\n');
  for (const line of [
    'streampool_source_received_bytes_total{source="provider"} 100',
    'streampool_source_received_bytes_total{source="relay"} 30',
    'streampool_source_received_bytes_total{source="encoder"} 0',
    'streampool_viewer_sent_bytes_total 70',
    'streampool_relay_sent_bytes_total 20',
  ]) {
    expect(lines).toContain(line);
  }
  metrics.close();
});

test('viewers without a picture and slow FFmpeg processes are seen', async () => {
  const engine = new FakeEngine();
  const registry = new Registry();
  const metrics = new EngineMetrics(engine, registry);
  const transcode = { kind: 'transcode', pid: 1 } as const;
  expect(await registry.metrics()).not.toMatch(/^streampool_ffmpeg_slowest_speed_ratio/m);
  engine.poolSnapshots = [
    poolSnapshot({ ...transcode, streamId: 'a', speed: 1.02 }),
    poolSnapshot({ ...transcode, streamId: 'b', speed: 0.7 }),
    poolSnapshot({ ...transcode, streamId: 'c', state: 'switching', speed: 0.1, viewers: 4 }),
    poolSnapshot({ streamId: 'd', kind: 'shared', state: 'starting', viewers: 2 }),
  ];
  const lines = (await registry.metrics()).split('\n');
  for (const line of [
    'streampool_ffmpeg_slowest_speed_ratio 0.7',
    'streampool_ffmpeg_slow_processes 1',
    'streampool_viewers_without_picture{kind="transcode"} 4',
    'streampool_viewers_without_picture{kind="shared"} 2',
    'streampool_viewers_without_picture{kind="direct"} 0',
  ]) {
    expect(lines).toContain(line);
  }
  metrics.close();
});

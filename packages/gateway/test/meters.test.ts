import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { ClusterMeter, DiskMeter, JobMeter, SegmentMeter, StateMeter, WebhookMeter } from '../src/index.ts';

async function shown(...meters: { register(registry: Registry): void }[]): Promise<string[]> {
  const registry = new Registry();
  for (const meter of meters) meter.register(registry);
  return (await registry.metrics()).split('\n');
}

test('disks are those of directories, those that are not made yet included', async () => {
  const lines = await shown(new DiskMeter({ data: tmpdir(), hls: join(tmpdir(), 'not', 'made', 'yet') }));
  const value = (name: string) => Number(lines.find((line) => line.startsWith(name))?.split(' ')[1]);
  const free = value('streampool_disk_free_bytes{directory="data"}');
  const size = value('streampool_disk_size_bytes{directory="data"}');
  expect(free).toBeGreaterThan(0);
  expect(size).toBeGreaterThanOrEqual(free);
  expect(value('streampool_disk_size_bytes{directory="hls"}')).toBe(size);
});

test('nodes are counted by what they do; one that has gone silent is so, whatever it said', async () => {
  const worker = { id: 'w', status: 'ready', alive: true };
  const nodes = [
    worker,
    { ...worker, status: 'draining' },
    { ...worker, alive: false },
    { ...worker, role: 'gateway' },
  ];
  const lines = await shown(new ClusterMeter(async () => nodes as never));
  for (const [role, status, count] of [
    ['worker', 'ready', 1],
    ['worker', 'draining', 1],
    ['worker', 'silent', 1],
    ['gateway', 'ready', 1],
    ['gateway', 'silent', 0],
  ]) {
    expect(lines).toContain(`streampool_nodes{node_role="${role}",status="${status}"} ${count}`);
  }
});

test('a state or a queue that does not answer is not shown, and holds nothing up for long', async () => {
  const jobs = new JobMeter();
  jobs.watchQueues(() => new Promise(() => {}));
  const away = new ClusterMeter(() => Promise.reject(new Error('away')));
  jobs.observe('reaper', 20, 'ok');
  const lines = await shown(jobs, away);
  expect(lines).toContain('streampool_job_duration_seconds_count{task="reaper",outcome="ok"} 1');
  expect(lines.filter((line) => /^streampool_(?:nodes|queue_jobs)\{/.test(line))).toEqual([]);
  jobs.watchQueues(async () => [{ queue: 'reaper', sizes: { waiting: 0, delayed: 1 } }]);
  expect(await shown(jobs)).toContain('streampool_queue_jobs{queue="reaper",state="delayed"} 1');
});

test('operations of the state and what segments take up', async () => {
  const state = new StateMeter();
  const claim = state.timers('redis')('claim');
  claim(2, 'ok');
  claim(700, 'unavailable');
  claim(900, 'unavailable');
  const segments = new SegmentMeter(() => ({ memoryBytes: 5, diskBytes: 7 }));
  const lines = await shown(state, segments);
  const name = 'streampool_state_operation_duration_seconds';
  for (const line of [
    `${name}_bucket{backend="redis",operation="claim",outcome="ok",le="0.0025"} 1`,
    `${name}_bucket{backend="redis",operation="claim",outcome="ok",le="0.001"} 0`,
    `${name}_count{backend="redis",operation="claim",outcome="unavailable"} 2`,
    `${name}_sum{backend="redis",operation="claim",outcome="unavailable"} 1.6`,
    'streampool_hls_window_bytes{store="memory"} 5',
    'streampool_hls_window_bytes{store="disk"} 7',
  ]) {
    expect(lines).toContain(line);
  }
});

test('attempts at webhooks are counted from 0 on where they are made: the first dead letter is an increase', async () => {
  const name = 'streampool_webhook_attempt_duration_seconds_count{outcome="dead"}';
  const meter = new WebhookMeter();
  expect(await shown(meter)).not.toContain(`${name} 0`);
  meter.watch(() => ({ dispatching: true, lagMs: 0, running: 0, waiting: 0 }));
  expect(await shown(meter)).toContain(`${name} 0`);
  meter.observe('dead', 20);
  expect(await shown(meter)).toContain(`${name} 1`);
});

import type { WorkerRecord } from '@streampool/state';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

function worker(id: string, more: Partial<WorkerRecord>): Omit<WorkerRecord, 'heartbeatMs' | 'alive'> {
  return {
    ...{ id, host: id, pid: 1, url: `http://${id}:8085`, status: 'ready', version: '1', ownedStreams: 0 },
    ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 1 },
    ...more,
  };
}

test('Prometheus is told every node, where to ask it, and for what it is', async () => {
  const it = await GatewayUnderTest.start({ apiToken: 'a-token' });
  for (const record of [
    worker('g1', { role: 'gateway' }),
    worker('w1', { url: 'http://10.0.0.1:8085', metricsUrl: 'https://w1.example/streampool' }),
    worker('w2', { url: 'http://[fd00::2]' }),
  ]) {
    await it.state.heartbeat({ worker: record, streams: [], clients: [], gone: [] });
  }
  expect((await it.get('/sd/prometheus')).status).toBe(401);
  const response = await it.get('/sd/prometheus', { headers: { authorization: 'Bearer a-token' } });
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await json(response)).toEqual([
    { targets: ['g1:8085'], labels: { role: 'gateway', node: 'g1' } },
    {
      targets: ['w1.example:443'],
      labels: {
        ...{ role: 'worker', node: 'w1', __scheme__: 'https' },
        __metrics_path__: '/streampool/metrics',
      },
    },
    { targets: ['[fd00::2]:80'], labels: { role: 'worker', node: 'w2' } },
  ]);
});

import type { WorkerRecord } from '@streampool/state';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const FACTS = {
  clientTimeoutMs: 30_000,
  streamTimeoutMs: 10_000,
  sharedStreamTimeoutMs: 10_000,
  cleanupIntervalMs: 30_000,
  heartbeatIntervalMs: 5_000,
  maxClientsPerSharedStream: 0,
  sharingStrategy: 'url_profile',
} as const;

async function cluster(): Promise<GatewayUnderTest> {
  const it = await GatewayUnderTest.start({ facts: { ...FACTS, clustered: true } });
  const node: Omit<WorkerRecord, 'id' | 'heartbeatMs'> = {
    ...{ host: 'h', pid: 7, url: 'http://10.0.0.1:1', version: '1', status: 'ready' },
    ...{
      ownedStreams: 3,
      viewers: 2,
      capacity: 9,
      maxEncoders: 4,
      encoders: 1,
      load: 0.5,
      startedAtMs: 1_700_000_000_000,
    },
  };
  const nothing = { streams: [], clients: [], gone: [] };
  await it.state.heartbeat({ worker: { ...node, id: 'w1', publicUrl: 'https://tv.example' }, ...nothing });
  await it.state.heartbeat({ worker: { ...node, id: 'g1', role: 'gateway' }, ...nothing });
  return it;
}

test('a worker is drained and taken back, and the list says so', async () => {
  const it = await cluster();
  const drained = await it.send('POST', '/workers/w1/drain');
  expect([drained.status, await json(drained)]).toEqual([
    200,
    { worker_id: 'w1', status: 'draining', owned_streams: 3, viewers: 2 },
  ]);
  const { workers } = await json(it.get('/workers'));
  expect(workers).toMatchObject([
    { worker_id: 'g1', role: 'gateway', public_url: 'http://10.0.0.1:1', status: 'ready' },
    { worker_id: 'w1', role: 'worker', public_url: 'https://tv.example', status: 'draining' },
  ]);
  expect(workers).toMatchObject([{}, { owned_streams: 3, capacity: 9, encoders: 1, max_encoders: 4 }]);
  expect(await json(it.send('DELETE', '/workers/w1/drain'))).toMatchObject({ status: 'ready' });
});

test('who cannot be drained is told why', async () => {
  const it = await cluster();
  const unknown = await it.send('POST', '/workers/nobody/drain');
  expect([unknown.status, (await json(unknown)).code]).toEqual([404, 'WORKER_NOT_FOUND']);
  expect((await it.send('DELETE', '/workers/nobody/drain')).status).toBe(404);
  const alone = await GatewayUnderTest.start();
  const refused = await alone.send('POST', '/workers/w1/drain');
  expect([refused.status, (await json(refused)).detail]).toEqual([
    400,
    expect.stringContaining('on its own'),
  ]);
});

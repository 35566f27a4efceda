import { StreampoolError } from '@streampool/errors';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const url = 'http://user:secret@provider.example/live.ts';
const failover_urls = ['http://user:secret@backup.example/live.ts', 'http://third.example/live.ts'];

test('the next source, or the one that is asked for, plays', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url, failover_urls, shared: true });
  await it.get(`/stream/${id}?client_id=tv`);
  expect(await json(it.send('POST', `/streams/${id}/failover`))).toEqual({
    message: `Stream ${id} plays source 1`,
    stream_id: id,
    new_url: 'http://***@backup.example/live.ts',
    failover_index: 1,
    failover_attempts: 1,
    active_clients: 1,
  });
  expect(await json(it.send('POST', `/streams/${id}/failover`, { index: 2 }))).toMatchObject({
    new_url: 'http://third.example/live.ts',
    failover_index: 2,
  });
});

test('what cannot be done is said with a code', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url, failover_urls, shared: true });
  const alone = await it.define({ url: 'http://alone.example/live.ts', shared: true });
  it.engine.onFailover = () => {
    throw new StreampoolError('UPSTREAM_STATUS', 'The provider answered 403');
  };
  const answer = async (path: string, body?: unknown) => {
    const response = await it.send('POST', path, body);
    return [response.status, (await json(response)).code];
  };
  expect(await answer(`/streams/${id}/failover`)).toEqual([502, 'UPSTREAM_STATUS']);
  expect(await answer(`/streams/${alone}/failover`)).toEqual([400, 'FAILOVER_NOT_CONFIGURED']);
  expect(await answer('/streams/unknown/failover')).toEqual([404, 'STREAM_NOT_FOUND']);
  expect(await answer(`/streams/${id}/failover`, { index: 3 })).toEqual([422, 'VALIDATION_FAILED']);
  expect(await answer(`/streams/${id}/failover`, { index: -1 })).toEqual([422, 'VALIDATION_FAILED']);
});

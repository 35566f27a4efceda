import { StreampoolError } from '@streampool/errors';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

test.each([
  ['reached', async () => ({ status: 200 }), { success: true, status_code: 200 }],
  ['refused by the server', async () => ({ status: 404 }), { success: false, status_code: 404 }],
  [
    'not reached',
    () => Promise.reject(new StreampoolError('UPSTREAM_CONNECT_FAILED', 'connection refused')),
    { success: false, error: 'UPSTREAM_CONNECT_FAILED', message: 'connection refused' },
  ],
])('a URL that is %s', async (_name, probe, expected) => {
  const it = await GatewayUnderTest.start({}, { probe });
  const response = await it.send('POST', '/test-connection', { url: 'http://editor.example/up' });
  expect(response.status).toBe(200);
  expect(await json(response)).toMatchObject({ ...expected, url_tested: 'http://editor.example/up' });
});

test('only http and https', async () => {
  const it = await GatewayUnderTest.start();
  expect((await it.send('POST', '/test-connection', { url: 'file:///etc/passwd' })).status).toBe(422);
});

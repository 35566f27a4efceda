import { StreampoolError } from '@streampool/errors';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const SECRET = 'a-secret-that-is-long-enough';
const redirect = { target: async () => 'https://w1.tv.example/tv' };

async function sent(it: GatewayUnderTest, path: string, init: RequestInit = {}): Promise<[Response, URL]> {
  const response = await it.get(path, { ...init, redirect: 'manual' });
  return [response, new URL(response.headers.get('location') ?? 'none:')];
}

test('a viewer is sent to the worker, as the viewer that it is here', async () => {
  const it = await GatewayUnderTest.start({ redirectSecret: SECRET, apiToken: 'tok' }, { redirect });
  const id = await defined(it);
  for (const method of ['GET', 'HEAD']) {
    const [response, to] = await sent(it, `/stream/${id}?client_id=tv&u=bob&api_token=tok`, { method });
    expect(response.status).toBe(307);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect([to.origin, to.pathname]).toEqual(['https://w1.tv.example', `/tv/stream/${id}`]);
    expect([to.searchParams.get('client_id'), to.searchParams.get('username')]).toEqual(['tv', 'bob']);
    // The token is this API's, not the worker's to see.
    expect([...to.searchParams.keys()].sort()).toEqual(['client_id', 'expires', 'signature', 'username']);
    const seconds = Number(to.searchParams.get('expires')) - Date.now() / 1000;
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(61);
  }
  expect(it.engine.watched).toEqual([]);
  const [named] = await sent(it, `/stream/${id}`, { headers: { 'x-username': 'eve' } });
  expect(named.headers.get('location')).toContain('username=eve');
  expect(named.headers.get('location')).toContain(`client_id=${named.headers.get('x-client-id')}`);
});

async function defined(it: GatewayUnderTest): Promise<string> {
  const body = { url: 'http://provider.example/live.ts', shared: true };
  const answer = await it.send('POST', '/streams', body, { 'x-api-token': 'tok' });
  return (await json(answer)).stream_id;
}

test.each([
  ['with STREAM_URL_SECRET', { streamUrlSecret: SECRET }],
  ['without it', { redirectSecret: SECRET }],
])('a worker takes who was sent to it, %s, and nobody who changed the address', async (_, secrets) => {
  const gateway = await GatewayUnderTest.start(secrets, { redirect });
  const worker = await GatewayUnderTest.start({ ...secrets, api: 'watching' });
  const id = await defined(gateway);
  await worker.state.putStream((await gateway.state.getDefinition(id))!);
  const signed = 'streamUrlSecret' in secrets;
  const own = await json(gateway.get(`/streams/${id}`));
  const [, to] = await sent(gateway, own.stream.stream_endpoint);
  const at = `/stream/${id}${to.search}`;
  expect((await worker.get(at)).status).toBe(200);
  expect(worker.engine.watched[0]!.viewer.clientId).toBe(to.searchParams.get('client_id'));
  const forged = at.replace(/signature=.{4}/, 'signature=AAAA');
  expect((await json(worker.get(forged))).code).toBe('SIGNATURE_INVALID');
  expect((await json(worker.get(at.replace(/expires=\d+/, 'expires=1')))).code).toBe('SIGNATURE_INVALID');
  // A load balancer may send players straight to workers: where nothing is signed they are let in.
  expect((await worker.get(`/stream/${id}`)).status).toBe(signed ? 403 : 200);
  expect((await sent(gateway, `/stream/${id}`))[0].status).toBe(signed ? 403 : 307);
});

test('no worker that could serve: 503, and when to come back', async () => {
  const target = async (): Promise<string> => {
    throw new StreampoolError('CAPACITY_EXHAUSTED', 'nobody', { retryAfterSeconds: 2 });
  };
  const it = await GatewayUnderTest.start({ redirectSecret: SECRET }, { redirect: { target } });
  const id = await defined(it);
  const response = await it.get(`/stream/${id}`);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
  expect((await json(response)).code).toBe('CAPACITY_EXHAUSTED');
  expect((await it.get('/stream/nothing')).status).toBe(404);
  expect(await (await it.get('/metrics')).text()).toContain(
    'streampool_viewer_start_duration_seconds_count{kind="shared",outcome="CAPACITY_EXHAUSTED"} 1',
  );
});

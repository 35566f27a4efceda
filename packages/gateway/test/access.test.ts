import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const TOKEN = 'correct-horse';
const PROTECTED = [
  '/',
  '/health',
  '/info',
  '/metrics',
  '/streams',
  '/stats',
  '/clients',
  '/workers',
  '/transcode/profiles',
];

test('without a token everything is open', async () => {
  const it = await GatewayUnderTest.start();
  for (const path of PROTECTED) expect([path, (await it.get(path)).status]).toEqual([path, 200]);
});

describe('with a token', () => {
  test.each(PROTECTED)('%s asks for it', async (path) => {
    const it = await GatewayUnderTest.start({ apiToken: TOKEN });
    const missing = await it.get(path);
    expect(missing.status).toBe(401);
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    expect((await json(missing)).code).toBe('TOKEN_MISSING');
    const wrong = await it.get(path, { headers: { 'x-api-token': 'correct-hors' } });
    expect(wrong.status).toBe(403);
    expect((await json(wrong)).code).toBe('TOKEN_WRONG');
    for (const init of [{ 'x-api-token': TOKEN }, { authorization: `Bearer ${TOKEN}` }]) {
      expect((await it.get(path, { headers: init })).status).toBe(200);
    }
    expect((await it.get(`${path}?api_token=${TOKEN}`)).status).toBe(200);
  });

  test('the header wins over the query', async () => {
    const it = await GatewayUnderTest.start({ apiToken: TOKEN });
    expect((await it.get('/stats?api_token=no', { headers: { 'x-api-token': TOKEN } })).status).toBe(200);
    expect((await it.get(`/stats?api_token=${TOKEN}`, { headers: { 'x-api-token': 'no' } })).status).toBe(
      403,
    );
  });

  test('a stranger’s body is not even read', async () => {
    const it = await GatewayUnderTest.start({ apiToken: TOKEN });
    expect((await it.send('POST', '/streams', '{"broken')).status).toBe(401);
  });

  test.each(['/docs', '/openapi.json', '/healthz', '/readyz'])('%s is for everybody', async (path) => {
    const it = await GatewayUnderTest.start({ apiToken: TOKEN });
    expect((await it.get(path)).status).toBe(200);
  });

  test('viewers need none', async () => {
    const it = await GatewayUnderTest.start({ apiToken: TOKEN });
    const answer = await json(
      it.send('POST', '/streams', { url: 'http://h/a.ts' }, { 'x-api-token': TOKEN }),
    );
    expect((await it.get(answer.stream_endpoint)).status).toBe(200);
    expect((await it.get(answer.stream_endpoint, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('signed addresses', () => {
  const SECRET = 'sign-with-this';

  test('the address from the answer works; a bare, changed or borrowed one does not', async () => {
    const it = await GatewayUnderTest.start({ streamUrlSecret: SECRET });
    const { stream_endpoint, stream_id } = await json(it.send('POST', '/streams', { url: 'http://h/a.ts' }));
    const other = await json(it.send('POST', '/streams', { url: 'http://h/b.ts' }));
    expect((await it.get(stream_endpoint)).status).toBe(200);
    const query = stream_endpoint.slice(stream_endpoint.indexOf('?'));
    for (const path of [
      `/stream/${stream_id}`,
      `/stream/${other.stream_id}${query}`,
      stream_endpoint.replace(/expires=\d+/, 'expires=9999999999'),
      `${stream_endpoint}x`,
    ]) {
      const refused = await it.get(path);
      expect([path, refused.status, (await json(refused)).code]).toEqual([path, 403, 'SIGNATURE_INVALID']);
    }
  });

  test('it expires', async () => {
    const it = await GatewayUnderTest.start({ streamUrlSecret: SECRET, streamUrlTtlMs: -5_000 });
    const { stream_endpoint } = await json(it.send('POST', '/streams', { url: 'http://h/a.ts' }));
    expect((await it.get(stream_endpoint)).status).toBe(403);
  });
});

describe('other origins', () => {
  const origin = { origin: 'http://page.example' };

  test('players in any page may watch', async () => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({ url: 'http://h/a.ts' });
    const response = await it.get(`/stream/${id}`, { headers: origin });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('the API is open to other pages only behind a token', async () => {
    const open = await GatewayUnderTest.start();
    expect(
      (await open.get('/streams', { headers: origin })).headers.get('access-control-allow-origin'),
    ).toBeNull();
    const guarded = await GatewayUnderTest.start({ apiToken: TOKEN });
    const preflight = await guarded.get('/streams', {
      method: 'OPTIONS',
      headers: {
        ...origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-api-token',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-api-token');
  });
});

import { connect } from 'node:net';
import { type ApiToken, TokenBook } from '../src/index.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const TOKENS: readonly ApiToken[] = [
  { name: 'operator', scopes: ['manage'], token: 'operators-token-1' },
  { name: 'grafana', scopes: ['read'], token: 'grafanas-token-12' },
  { name: 'tv', scopes: ['watch'], token: 'televisions-token' },
];
const as = (token: string, more: Record<string, string> = {}) => ({ 'x-api-token': token, ...more });
const [MANAGE, READ, WATCH] = TOKENS.map(({ token }) => token) as [string, string, string];
const STREAM = { url: 'http://h.example/a.ts' };

const start = (config: object = {}) => GatewayUnderTest.start(config, { tokens: new TokenBook(TOKENS) });

test.each([
  ['GET', '/streams', 200, 200, 403],
  ['GET', '/metrics', 200, 200, 403],
  ['POST', '/streams', 200, 403, 403],
  ['POST', '/test-connection', 200, 403, 403],
  ['DELETE', '/streams/nothing', 404, 403, 403],
] as const)('%s %s by scope', async (method, path, manage, read, watch) => {
  const it = await start();
  const body = method === 'POST' ? STREAM : undefined;
  const statuses = [];
  for (const token of [MANAGE, READ, WATCH]) {
    const response = await it.send(method, path, body, as(token));
    statuses.push(response.status);
    if (response.status === 403) expect((await json(response)).code).toBe('SCOPE_MISSING');
  }
  expect(statuses).toEqual([manage, read, watch]);
});

test('the log says whose token it was, and never which', async () => {
  const it = await start();
  await it.get('/streams', { headers: as(READ) });
  await it.send('POST', '/streams', STREAM, as(READ));
  expect(it.logged.some((line) => line.includes('"token":"grafana"'))).toBe(true);
  for (const { token } of TOKENS) expect(it.logged.join('\n')).not.toContain(token);
});

test('tokens are replaced while they are in use', async () => {
  const tokens = new TokenBook(TOKENS);
  const it = await GatewayUnderTest.start({}, { tokens });
  expect((await it.get('/streams', { headers: as(READ) })).status).toBe(200);
  tokens.replace([{ name: 'grafana', scopes: ['read'], token: 'another-token-123' }]);
  expect((await it.get('/streams', { headers: as(READ) })).status).toBe(403);
  expect((await it.get('/streams', { headers: as('another-token-123') })).status).toBe(200);
});

describe('VIEWER_ACCESS=token', () => {
  const closed = { viewerAccess: 'token' } as const;
  const define = async (it: GatewayUnderTest): Promise<string> =>
    (await json(it.send('POST', '/streams', STREAM, as(MANAGE)))).stream_id;

  test('a viewer needs the scope watch', async () => {
    const it = await start(closed);
    const path = `/stream/${await define(it)}`;
    const code = async (response: Response) => [response.status, response.ok || (await json(response)).code];
    expect(await code(await it.get(path))).toEqual([401, 'TOKEN_MISSING']);
    expect(await code(await it.get(path, { headers: as('no') }))).toEqual([403, 'TOKEN_WRONG']);
    expect(await code(await it.get(path, { headers: as(READ) }))).toEqual([403, 'SCOPE_MISSING']);
    expect(await code(await it.get(path, { headers: as(MANAGE) }))).toEqual([403, 'SCOPE_MISSING']);
    expect(await code(await it.get(path, { headers: as(WATCH) }))).toEqual([200, true]);
    expect(await code(await it.get(`${path}?api_token=${WATCH}`))).toEqual([200, true]);
    expect(await code(await it.get(`${path}?api_token=${WATCH}`, { headers: as('no') }))).toEqual([
      403,
      'TOKEN_WRONG',
    ]);
    expect(await code(await it.get(`${path}?expires=9999999999&signature=x`))).toEqual([
      403,
      'SIGNATURE_INVALID',
    ]);
  });

  test('or a signed address', async () => {
    const it = await start({ ...closed, streamUrlSecret: 'sign-with-this-one' });
    const { stream_endpoint } = await json(it.send('POST', '/streams', STREAM, as(MANAGE)));
    expect((await it.get(stream_endpoint)).status).toBe(200);
    expect((await it.get(stream_endpoint.replace(/\?.*/, ''))).status).toBe(401);
  });
});

describe('addresses for one viewer', () => {
  const config = { streamUrlSecret: 'sign-with-this-one', trustedProxies: ['loopback'] };
  const sign = async (it: GatewayUnderTest, body: object) => {
    const id = (await json(it.send('POST', '/streams', STREAM, as(MANAGE)))).stream_id;
    return json(it.send('POST', `/streams/${id}/sign`, body, as(MANAGE)));
  };

  test('a field that is not known is refused: the address would be good for more than was meant', async () => {
    const it = await start(config);
    expect(await sign(it, { username: 'ann' })).toMatchObject({ code: 'VALIDATION_FAILED' });
  });

  test('bound to a user', async () => {
    const it = await start(config);
    const { stream_endpoint, hls_endpoint } = await sign(it, { user: 'ann & co' });
    expect(hls_endpoint).toMatch(/^\/hls\/.*\/playlist\.m3u8\?expires=.*bound=u&username=ann/);
    expect((await it.get(stream_endpoint)).status).toBe(200);
    for (const changed of [
      stream_endpoint.replace('username=ann', 'username=bob'),
      stream_endpoint.replace(/&username=.*/, ''),
      stream_endpoint.replace('&bound=u', ''),
      stream_endpoint.replace('bound=u', 'bound=a'),
      stream_endpoint.replace('bound=u', 'bound='),
    ])
      expect([changed, (await it.get(changed)).status]).toEqual([changed, 403]);
    expect((await it.get(stream_endpoint, { headers: { 'x-username': 'bob' } })).status).toBe(403);
  });

  test('bound to an address, as a trusted proxy says it', async () => {
    const it = await start(config);
    const { stream_endpoint } = await sign(it, { address: '2001:DB8:0::1', user: 'ann' });
    const from = async (address: string) =>
      (await it.get(stream_endpoint, { headers: { 'x-forwarded-for': address } })).status;
    expect(await from('2001:db8::1')).toBe(200);
    expect(await from('2001:db8::2')).toBe(403);
    expect(await from('2001:db8::1, 203.0.113.9')).toBe(403);
  });

  test('for a while, and only with a secret', async () => {
    const it = await start(config);
    const { expires_at } = await sign(it, { ttl: 60 });
    expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(58_000);
    expect(Date.parse(expires_at) - Date.now()).toBeLessThanOrEqual(61_000);
    expect(await sign(await start(), {})).toMatchObject({ code: 'SIGNING_OFF' });
    expect((await sign(it, { address: '1.2.3' })).code).toBe('VALIDATION_FAILED');
  });
});

describe('limits', () => {
  const from = (ip: string) => ({ 'x-forwarded-for': ip });
  const limits = (config: object) => ({
    rateLimits: {
      ...{
        api: { count: 3, perMs: 60_000 },
        watch: { count: 2, perMs: 60_000 },
        failures: { count: 2, perMs: 60_000 },
      },
      ...config,
    },
  });

  test('requests per token and address, with the time to wait', async () => {
    const it = await start(limits({}));
    const ask = async (token: string, ip: string) =>
      (await it.get('/streams', { headers: as(token, from(ip)) })).status;
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await ask(READ, '203.0.113.1'));
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await it.get('/streams', { headers: as(READ, from('203.0.113.1')) });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await json(refused)).code).toBe('RATE_LIMITED');
    expect(await ask(READ, '203.0.113.2')).toBe(200);
    expect(await ask(MANAGE, '203.0.113.1')).toBe(200);
    expect((await it.get('/healthz', { headers: from('203.0.113.1') })).status).toBe(200);
  });

  test('after wrong tokens the right one is not looked at either', async () => {
    const it = await start(limits({}));
    const ask = async (token: string, ip: string) =>
      (await it.get('/streams', { headers: as(token, from(ip)) })).status;
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await ask(`guess-${i}`, '203.0.113.1'));
    expect(statuses).toEqual([403, 403, 429, 429]);
    expect(await ask(READ, '203.0.113.1')).toBe(429);
    expect(await ask(READ, '203.0.113.2')).toBe(200);
  });

  test('viewers that begin to watch', async () => {
    const it = await GatewayUnderTest.start(limits({}));
    const path = `/stream/${await it.define(STREAM)}`;
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await it.get(path, { headers: from('203.0.113.1') })).status);
    expect(statuses).toEqual([200, 200, 429]);
  });
});

test('an answer of the API is not guessed at, framed or kept', async () => {
  const it = await GatewayUnderTest.start();
  for (const path of ['/streams', '/nothing', '/docs']) {
    const { headers } = await it.get(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
    expect(headers.get('cache-control')).toBe('no-store');
  }
});

test.each([
  ['the head', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: '],
  [
    'the body',
    'POST /streams HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  ],
])('a client that takes for ever over %s is told so, or hung up on', async (_, beginning) => {
  const it = await GatewayUnderTest.start({ headersTimeoutMs: 300, requestTimeoutMs: 400 });
  const { port } = new URL(it.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(beginning);
  const drip = setInterval(() => socket.write(' '), 50);
  let answer = '';
  socket.on('error', () => {});
  for await (const chunk of socket) answer += String(chunk);
  clearInterval(drip);
  expect(answer).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
});

import { connect } from 'node:net';
import type { ClusterState } from '@streampool/state';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

test.each([
  ['GET', '/nothing', 404, 'NOT_FOUND', null],
  ['GET', '/stream', 404, 'NOT_FOUND', null],
  ['GET', '/streams/unknown', 404, 'STREAM_NOT_FOUND', null],
  ['GET', '/clients/unknown', 404, 'CLIENT_NOT_FOUND', null],
  ['DELETE', '/clients/unknown', 404, 'CLIENT_NOT_FOUND', null],
  ['PUT', '/streams', 405, 'METHOD_NOT_ALLOWED', 'GET, POST, HEAD, OPTIONS'],
  ['DELETE', '/streams/counts-by-metadata', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD, OPTIONS'],
  ['POST', '/stream/x', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD, OPTIONS'],
  ['GET', '/streams/%E0%A4%A', 400, 'INVALID_REQUEST', null],
  ['POST', '/streams/x/rewind', 404, 'NOT_FOUND', null],
  ['POST', '/streams/x/failover', 404, 'STREAM_NOT_FOUND', null],
])('%s %s answers %i %s', async (method, path, status, code, allow) => {
  const it = await GatewayUnderTest.start();
  const response = await it.send(method, path);
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await json(response)).toMatchObject({
    code,
    detail: expect.any(String),
    request_id: response.headers.get('x-request-id'),
  });
  if (allow) expect(new Set(response.headers.get('allow')?.split(', '))).toEqual(new Set(allow.split(', ')));
});

test.each([
  ['a sane id is kept', 'abc-123_x:1', true],
  ['one with a space is not', 'a b', false],
  ['nor one that would break a log line', '"}', false],
  ['nor one without end', 'x'.repeat(200), false],
])('request ids: %s', async (_name, offered, kept) => {
  const it = await GatewayUnderTest.start();
  const response = await it.get('/healthz', { headers: { 'x-request-id': offered } });
  const id = response.headers.get('x-request-id');
  if (kept) expect(id).toBe(offered);
  else expect(id).toMatch(/^[0-9a-f-]{36}$/);
});

describe('a state store', () => {
  function withState(methods: Partial<ClusterState>): Promise<GatewayUnderTest> {
    return GatewayUnderTest.start({ readyTimeoutMs: 50 }, { state: methods as ClusterState });
  }

  test('that does not answer makes it unready, in time', async () => {
    const it = await withState({ ping: () => new Promise(() => {}) });
    const response = await it.get('/readyz');
    expect(response.status).toBe(503);
    expect(await json(response)).toMatchObject({ code: 'STATE_UNAVAILABLE' });
    expect((await it.get('/healthz')).status).toBe(200);
  });

  test('whose error is unexpected is not described to clients', async () => {
    const it = await withState({ getDefinition: () => Promise.reject(new Error('secret table missing')) });
    const answer = await json(it.get('/stream/x'));
    expect(answer.code).toBe('INTERNAL');
    expect(JSON.stringify(answer)).not.toContain('secret table');
    expect(it.logged.join('')).toContain('secret table missing');
  });
});

test.each([
  ['nonsense', 'nonsense\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
])('on the wire: %s', async (_name, bytes, status) => {
  const it = await GatewayUnderTest.start();
  const socket = connect(Number(new URL(it.url).port), '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => (received += chunk)).on('error', () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(JSON.parse(received.slice(received.indexOf('{')))).toMatchObject({ code: 'INVALID_REQUEST' });
});

test('what is no request, sent behind pipelined ones, is not answered in the middle of a body', async () => {
  const it = await GatewayUnderTest.start();
  const socket = connect(Number(new URL(it.url).port), '127.0.0.1');
  let received = '';
  socket.on('error', () => {});
  const heard = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.includes('text/event-stream')) resolve();
    });
  });
  socket.write(['/healthz', '/events'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  await heard;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write('nonsense\r\n\r\n');
  await closed;
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
});

describe('the prefix', () => {
  test('paths answer with and without it', async () => {
    const it = await GatewayUnderTest.start({ rootPath: '/m3u-proxy' });
    for (const path of ['/m3u-proxy/healthz', '/healthz', '/m3u-proxy/docs', '/m3u-proxy/openapi.json']) {
      expect([path, (await it.get(path)).status]).toEqual([path, 200]);
    }
    expect((await json(it.get('/m3u-proxy?x=1'))).status).toBe('running');
    expect((await it.get('/m3u-proxyhealthz')).status).toBe(404);
    expect((await json(it.get('/health'))).root_path).toBe('/m3u-proxy');
  });
});

describe('closing', () => {
  test('refuses viewers, answers what is under way, and cuts what does not end by the deadline', async () => {
    const it = await GatewayUnderTest.start({ closeTimeoutMs: 100 });
    const id = await it.define({ url: 'http://h/a.ts' });
    it.engine.onWatch = (_spec, { res }) => {
      res.writeHead(200);
      res.write('media');
    };
    const stuck = await it.get(`/stream/${id}`);
    const before = performance.now();
    const closed = it.gateway.close();
    expect(it.gateway.close()).toBe(closed);
    await closed;
    expect(performance.now() - before).toBeGreaterThanOrEqual(95);
    await expect(stuck.text()).rejects.toThrow();
    await expect(it.get('/healthz')).rejects.toThrow();
  });

  test('is at once when nobody is there', async () => {
    const it = await GatewayUnderTest.start({ closeTimeoutMs: 60_000 });
    await (await it.get('/healthz')).text();
    const before = performance.now();
    await it.gateway.close();
    expect(performance.now() - before).toBeLessThan(30_000);
  });
});

test('a port that is taken is said at once', async () => {
  const it = await GatewayUnderTest.start();
  await expect(GatewayUnderTest.start({ port: Number(new URL(it.url).port) })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

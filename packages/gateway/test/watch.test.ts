import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { StreampoolError } from '@streampool/errors';
import { openBareBody } from '@streampool/upstream';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const LIVE = 'http://provider.example/live/a.ts';
const FILE = 'http://provider.example/movie/a.mkv';

test('the engine gets the stream, and the viewer as it is known', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url: LIVE, headers: { Referer: 'http://r/' }, failover_urls: ['http://b/'] });
  const response = await it.get(`/stream/${id}?client_id=tv&user=bob`, {
    headers: { 'user-agent': 'VLC/3' },
  });
  expect(await response.text()).toBe('media');
  expect(response.headers.get('content-type')).toBe('video/mp2t');
  expect(response.headers.get('x-client-id')).toBe('tv');
  expect(response.headers.get('x-stream-id')).toBe(id);
  const [watched] = it.engine.watched;
  expect(watched!.spec).toEqual({
    id,
    kind: 'direct',
    target: { url: LIVE, headers: { Referer: 'http://r/' }, userAgent: 'Streampool/test' },
    failoverUrls: ['http://b/'],
    contentType: 'video/mp2t',
    metadata: {},
  });
  expect(watched!.viewer).toMatchObject({
    clientId: 'tv',
    ip: '127.0.0.1',
    userAgent: 'VLC/3',
    username: 'bob',
    requestId: response.headers.get('x-request-id'),
  });
});

test('what a stream says of its sources goes to the engine, in ms', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({
    url: LIVE,
    failover_resolver_url: 'http://resolver/next',
    metadata: { channel: '7' },
    connect_timeout: 1.5,
    first_byte_timeout: 4,
    stall_timeout: 0.75,
    failback_after: 0,
  });
  await it.get(`/stream/${id}`);
  expect(it.engine.watched[0]!.spec).toMatchObject({
    resolverUrl: 'http://resolver/next',
    metadata: { channel: '7' },
    timeouts: { connectMs: 1_500, firstByteMs: 4_000, stallMs: 750 },
    failbackAfterMs: 0,
  });
});

test('a transcoded stream goes to the engine with its arguments', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url: LIVE }, '/transcode');
  await it.get(`/stream/${id}`);
  expect(it.engine.watched[0]!.spec).toMatchObject({
    kind: 'transcode',
    ffmpegArgs: ['-i', '{input_url}', '-b:v', '2M', '-f', 'mpegts', 'pipe:1'],
    contentType: 'video/mp2t',
  });
});

describe('who it is', () => {
  test.each([
    ['X-Username goes before the query', '?username=query', { 'x-username': 'header' }, 'header'],
    ['u', '?u=bob', {}, 'bob'],
    ['nobody', '', {}, undefined],
  ])('%s', async (_name, query, headers: Record<string, string>, expected) => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({ url: LIVE });
    await it.get(`/stream/${id}${query}`, { headers });
    expect(it.engine.watched[0]!.viewer.username).toBe(expected);
  });

  test.each([
    ['of a trusted proxy', ['loopback'], '203.0.113.9', '203.0.113.9'],
    ['of a chain whose last hop is trusted', ['loopback'], '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['of a chain that is trusted', ['loopback', '10.0.0.0/8'], '203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['not of a stranger', ['10.0.0.0/8'], '203.0.113.9', '127.0.0.1'],
    ['not where nobody is trusted', [], '203.0.113.9', '127.0.0.1'],
  ])('the address %s', async (_name, trustedProxies, forwarded, expected) => {
    const it = await GatewayUnderTest.start({ trustedProxies });
    const id = await it.define({ url: LIVE });
    await it.get(`/stream/${id}`, { headers: { 'x-forwarded-for': forwarded } });
    expect(it.engine.watched[0]!.viewer.ip).toBe(expected);
  });

  test.each(['', '%00', 'a%20b', 'x'.repeat(129), '%C3%A9'])(
    'an unusable id "%s" is replaced',
    async (offered) => {
      const it = await GatewayUnderTest.start();
      const id = await it.define({ url: LIVE });
      const response = await it.get(`/stream/${id}?client_id=${offered}`);
      expect(response.headers.get('x-client-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe('two connections under one id', () => {
  /** Viewers stay until somebody ends them. */
  function endless(it: GatewayUnderTest): void {
    it.engine.onWatch = (_spec, { res }) => {
      res.writeHead(200);
      res.write('media');
    };
  }

  async function ended(response: Response): Promise<boolean> {
    return response.text().then(
      () => true,
      () => true,
    );
  }

  test('the newer one of a live stream replaces the older one, on another stream too', async () => {
    const it = await GatewayUnderTest.start();
    endless(it);
    const first = await it.get(`/stream/${await it.define({ url: LIVE })}?client_id=tv`);
    await it.get(`/stream/${await it.define({ url: `${LIVE}2`, shared: true })}?client_id=tv`);
    expect(await ended(first)).toBe(true);
    expect(it.engine.attached.size).toBe(1);
  });

  test('of a file both go on: players read from several places', async () => {
    const it = await GatewayUnderTest.start();
    endless(it);
    const kicked: string[] = [];
    it.engine.disconnect = (clientId) => kicked.push(clientId) > 0;
    const id = await it.define({ url: FILE });
    await it.get(`/stream/${id}?client_id=tv`);
    await it.get(`/stream/${id}?client_id=tv`, { headers: { range: 'bytes=5-' } });
    expect(kicked).toEqual([]);
    it.gateway.server.closeAllConnections();
  });

  test('an older one that still waits for its first byte is ended', async () => {
    const it = await GatewayUnderTest.start();
    let begin = (): void => {};
    it.engine.onWatch = () => new Promise((resolve) => (begin = resolve));
    const id = await it.define({ url: LIVE });
    const first = it.get(`/stream/${id}?client_id=tv`).then(
      () => 'answered',
      () => 'cut',
    );
    while (it.engine.watched.length < 1) await new Promise(setImmediate);
    const second = it.get(`/stream/${id}?client_id=tv`).catch(() => {});
    expect(await first).toBe('cut');
    begin();
    it.gateway.server.closeAllConnections();
    await second;
  });
});

describe('HEAD', () => {
  test.each(['shared', 'transcode'])('of a %s stream starts nothing', async (kind) => {
    const it = await GatewayUnderTest.start();
    const id =
      kind === 'shared'
        ? await it.define({ url: LIVE, shared: true })
        : await it.define({ url: LIVE }, '/transcode');
    const response = await it.get(`/stream/${id}`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('video/mp2t');
    expect(response.headers.get('accept-ranges')).toBe('none');
    expect(it.engine.watched).toHaveLength(0);
  });

  test('of a file is asked of the engine', async () => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({ url: FILE });
    await it.get(`/stream/${id}`, { method: 'HEAD' });
    expect(it.engine.watched[0]!.viewer.req.method).toBe('HEAD');
  });
});

describe('a stream that cannot be opened', () => {
  test.each([
    [new StreampoolError('UPSTREAM_TIMEOUT', 'no answer within 5 s'), 504, null],
    [new StreampoolError('UPSTREAM_STATUS', 'The provider answered 403'), 502, null],
    [new StreampoolError('CAPACITY_EXHAUSTED', 'full', { retryAfterSeconds: 2.5 }), 503, '3'],
    [new StreampoolError('FFMPEG_MISSING', 'no FFmpeg'), 503, null],
  ])('%s', async (error, status, retryAfter) => {
    const it = await GatewayUnderTest.start();
    it.engine.onWatch = () => Promise.reject(error);
    const response = await it.get(`/stream/${await it.define({ url: LIVE })}`);
    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(await json(response)).toMatchObject({ code: error.code, detail: error.message });
  });

  test('an unexpected error is told apart, and its cause is in the log only', async () => {
    const it = await GatewayUnderTest.start();
    it.engine.onWatch = () => Promise.reject(new TypeError('x is not a function'));
    const response = await it.get(`/stream/${await it.define({ url: LIVE })}`);
    expect(response.status).toBe(500);
    const answer = await json(response);
    expect(answer.code).toBe('INTERNAL');
    expect(answer.detail).not.toContain('x is not a function');
    const line = it.logged.map((text) => JSON.parse(text)).find((entry) => entry.level === 50);
    expect(line).toMatchObject({
      requestId: answer.request_id,
      err: { code: 'INTERNAL', cause: { type: 'TypeError', message: 'x is not a function' } },
    });
  });

  test('after the head nothing is added: the connection ends', async () => {
    const it = await GatewayUnderTest.start();
    const { promise: read, resolve: isRead } = Promise.withResolvers<void>();
    it.engine.onWatch = async (_spec, { res }) => {
      res.writeHead(200);
      await new Promise<void>((resolve) => res.write('half a picture', () => resolve()));
      await read;
      throw new StreampoolError('UPSTREAM_CUT', 'cut');
    };
    const response = await it.get(`/stream/${await it.define({ url: LIVE })}`);
    isRead();
    await expect(response.text()).rejects.toThrow();
  });

  test('a player that leaves before the start is no error', async () => {
    const it = await GatewayUnderTest.start();
    it.engine.onWatch = (_spec, { res }) =>
      new Promise((_resolve, reject) => res.once('close', () => reject(new Error('gone'))));
    const id = await it.define({ url: LIVE });
    const controller = new AbortController();
    const request = it.get(`/stream/${id}`, { signal: controller.signal }).catch(() => {});
    while (it.engine.watched.length === 0) await new Promise(setImmediate);
    controller.abort();
    await request;
    const outcome = () => it.logged.map((text) => JSON.parse(text)).find((line) => line.msg === 'viewer');
    while (!outcome()) await new Promise(setImmediate);
    expect(outcome()).toMatchObject({ outcome: 'left', streamId: id, level: 30 });
    expect(it.logged.some((text) => JSON.parse(text).level >= 40)).toBe(false);
  });
});

test('what a viewer sends after its request is not answered in the middle of the picture', async () => {
  const it = await GatewayUnderTest.start();
  let picture: Socket | undefined;
  it.engine.onWatch = (_spec, { res }) => {
    picture = openBareBody(res, 200, {});
    picture?.write('PICTURE');
  };
  const id = await it.define({ url: LIVE });
  const socket = connect(Number(new URL(it.url).port), '127.0.0.1');
  let received = '';
  const until = (end: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (chunk: Buffer): void => {
        received += chunk;
        if (!received.endsWith(end)) return;
        socket.off('data', look);
        resolve();
      };
      socket.on('data', look);
    });
  socket.write(`GET /stream/${id} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until('PICTURE');
  const asked = once(it.gateway.server, 'request');
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked;
  // Whoever asks the same now has an answer: so has that request, if anybody would send it.
  await it.get('/healthz');
  picture?.write('MORE');
  await until('MORE');
  expect(received.endsWith('PICTUREMORE')).toBe(true);
  socket.destroy();
});

test('a request to watch that is sent behind another one is not played', async () => {
  const it = await GatewayUnderTest.start();
  it.engine.onWatch = () => new Promise(() => {});
  const id = await it.define({ url: LIVE });
  const socket = connect(Number(new URL(it.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET /stream/${id} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3));
  await new Promise((resolve) => socket.once('close', resolve));
  expect(it.engine.watched.length).toBeLessThanOrEqual(1);
});

test('the prefix is for viewers, too; what does not fit is nobody’s', async () => {
  const it = await GatewayUnderTest.start({ rootPath: '/m3u.proxy' });
  const id = await it.define({ url: LIVE });
  for (const path of [
    `/m3u.proxy/stream/${id}`,
    `/stream/${id}/`,
    `/stream/%${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
  ]) {
    expect([path, (await it.get(path)).status]).toEqual([path, 200]);
  }
  for (const path of [`/m3uxproxy/stream/${id}`, `/stream/${id}/x`, `/streams/stream/${id}`]) {
    expect([path, (await it.get(path)).status]).toEqual([path, 404]);
  }
  expect((await it.get('/stream/%E0%A4%A')).status).toBe(400);
});

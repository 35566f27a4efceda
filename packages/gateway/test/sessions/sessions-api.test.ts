import type { GatewayConfig } from '../../src/index.ts';
import { closeAll, GatewayUnderTest, json } from '../gateway-under-test.ts';

afterEach(closeAll);

const SETTINGS: GatewayConfig['sessions'] = {
  ...{ timeoutMs: 30_000, scope: 'address', most: 0 },
  perUser: { alice: 1 },
};

let it: GatewayUnderTest;
let news = '';
let film = '';

beforeEach(async () => {
  it = await GatewayUnderTest.start({ sessions: SETTINGS });
  news = await it.define({ url: 'http://provider.example/news.ts' });
  film = await it.define({ url: 'http://provider.example/film.ts' });
  // Viewers that stay until they are ended.
  it.engine.onWatch = (spec, { req, res }) => {
    res.writeHead(200, { 'Content-Type': spec.contentType, Connection: 'close' });
    if (req.method === 'HEAD') res.end();
    else res.write('media');
  };
});

interface Watching {
  readonly status: number;
  readonly code?: string;
  readonly retryAfter: string | null;
  /** Resolves when the connection is closed. */
  readonly ended: Promise<void>;
}

/** A player at an address, which keeps its connection. */
async function watch(streamId: string, user: string, ip = '192.0.2.1', client = ''): Promise<Watching> {
  const query = client === '' ? '' : `?client_id=${client}`;
  const headers = { 'x-forwarded-for': ip, 'x-username': user, 'user-agent': 'VLC' };
  const response = await it.get(`/stream/${streamId}${query}`, { headers });
  const retryAfter = response.headers.get('retry-after');
  if (response.status !== 200) {
    const { code } = await json(response);
    return { status: response.status, code, retryAfter, ended: Promise.resolve() };
  }
  const ended = response.arrayBuffer().then(
    () => {},
    () => {},
  );
  return { status: 200, retryAfter, ended };
}

const listed = async (query = ''): Promise<string[]> =>
  (await json(it.get(`/sessions${query}`))).sessions.map(
    (session: { username: string; stream_id: string; ip_address: string }) =>
      `${session.username} ${session.stream_id === news ? 'news' : 'film'} ${session.ip_address}`,
  );

test('a newer stream from the same address closes the older one’s connection; at the limit another address is refused', async () => {
  const first = await watch(news, 'alice');
  expect(await listed()).toEqual(['alice news 192.0.2.1']);
  const second = await watch(film, 'alice');
  await first.ended;
  expect(second.status).toBe(200);
  expect(await listed()).toEqual(['alice film 192.0.2.1']);
  const refused = await watch(news, 'alice', '192.0.2.2');
  expect(refused).toMatchObject({ status: 429, code: 'USER_LIMIT', retryAfter: '2' });
  expect(await watch(news, 'bob', '192.0.2.2')).toMatchObject({ status: 200 });
  expect(it.engine.attached.size).toBe(2);
});

test('who asks for the head, or comes without a name, has no session', async () => {
  await it.get(`/stream/${news}`, { method: 'HEAD', headers: { 'x-username': 'alice' } });
  const { body } = await it.get(`/stream/${news}`);
  expect(await listed()).toEqual([]);
  await body?.cancel();
});

test('a stream that cannot be opened leaves no session behind', async () => {
  it.engine.onWatch = () => {
    throw new Error('no source');
  };
  expect((await watch(news, 'alice')).status).toBe(500);
  const deadline = Date.now() + 30_000;
  while ((await listed()).length > 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await listed()).toEqual([]);
});

test('sessions are listed by user and stream, page by page, and ended', async () => {
  const viewers = await Promise.all([
    watch(news, 'bob', '192.0.2.1', 'tv'),
    watch(news, 'bob', '192.0.2.2'),
    watch(film, 'carol', '192.0.2.3'),
  ]);
  expect((await listed('?user=bob')).sort()).toEqual(['bob news 192.0.2.1', 'bob news 192.0.2.2']);
  expect(await listed(`?stream_id=${film}`)).toEqual(['carol film 192.0.2.3']);
  expect(await listed(`?stream_id=${film}&user=bob`)).toEqual([]);
  const page = await json(it.get('/sessions?limit=2'));
  const rest = await json(it.get(`/sessions?limit=2&after=${page.next}`));
  expect([page.total, rest.total, rest.next]).toEqual([2, 1, undefined]);
  const all = [...page.sessions, ...rest.sessions];
  const tv = all.find(({ client_id }: { client_id: string }) => client_id === 'tv');
  expect(tv).toEqual({
    ...{ session_id: expect.any(String), username: 'bob', ip_address: '192.0.2.1', stream_id: news },
    ...{ client_id: 'tv', node: 'node-1', user_agent: 'VLC' },
    ...{ started_at: expect.any(String), last_active: expect.any(String) },
  });
  expect(await json(it.get(`/sessions/${tv.session_id}`))).toEqual(tv);
  expect(await json(it.send('DELETE', `/sessions/${tv.session_id}`))).toMatchObject({ confirmed: true });
  await viewers[0]?.ended;
  expect(await watch(news, 'bob', '192.0.2.1', 'tv')).toMatchObject({ status: 410, code: 'VIEWER_ENDED' });
  expect(await json(it.send('DELETE', `/sessions/${tv.session_id}`))).toMatchObject({
    code: 'SESSION_NOT_FOUND',
  });
  expect((await it.get('/sessions/unknown')).status).toBe(404);
  expect((await it.get('/sessions?after=no%20cursor')).status).toBe(400);
  expect(await listed('?user=bob')).toEqual(['bob news 192.0.2.2']);
});

test('what is put of a user goes before the settings, until it is deleted', async () => {
  const name = encodeURIComponent('Ålice / 1');
  expect(await json(it.get(`/users/${name}`))).toEqual({
    ...{ username: 'Ålice / 1', max_sessions: 0, origin: 'settings', active_sessions: 0 },
  });
  expect(await json(it.get('/users/alice'))).toMatchObject({ max_sessions: 1, origin: 'settings' });
  await watch(news, 'alice');
  expect(await json(it.send('PUT', '/users/alice', { max_sessions: 2 }))).toEqual({
    ...{ username: 'alice', max_sessions: 2, origin: 'api', active_sessions: 1 },
  });
  expect((await watch(news, 'alice', '192.0.2.2')).status).toBe(200);
  expect((await watch(news, 'alice', '192.0.2.3')).status).toBe(429);
  expect(await json(it.send('DELETE', '/users/alice'))).toEqual({ username: 'alice', deleted: true });
  expect(await json(it.send('DELETE', '/users/alice'))).toMatchObject({ code: 'USER_NOT_FOUND' });
  expect(await json(it.get('/users/alice'))).toMatchObject({ max_sessions: 1, active_sessions: 2 });
  for (const body of [{}, { max_sessions: -1 }, { max_sessions: '2' }])
    expect((await it.send('PUT', '/users/alice', body)).status).toBe(422);
});

test('figures of sessions are among the metrics', async () => {
  await watch(news, 'alice');
  await watch(film, 'alice');
  await watch(news, 'alice', '192.0.2.2');
  const metrics = await (await it.get('/metrics')).text();
  expect(metrics).toContain('streampool_sessions 1');
  for (const outcome of ['new', 'replacing', 'limit'])
    expect(metrics).toContain(`streampool_session_starts_total{outcome="${outcome}"} 1`);
});

import { type GatewayConfig, type GatewayOptions, TokenBook } from '../../src/index.ts';
import { json } from '../gateway-under-test.ts';
import { closeStages, edgeStage, mediaAnswer, playlistAnswer } from './edge-stage.ts';

const PLAYLIST = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-KEY:METHOD=AES-128,URI="segment/key",KEYFORMAT="identity"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://of-a-drm"
${Array.from({ length: 20 }, (_, index) => `#EXTINF:2.000,\nsegment/${7 + index}.ts?a=%20b`).join('\n')}
`;

const { now } = Date;
afterEach(async () => {
  Date.now = now;
  await closeStages();
});

async function stage(config: Partial<GatewayConfig> = {}, options: Partial<GatewayOptions> = {}) {
  const staged = await edgeStage({
    answer: ({ path }) => (path === 'playlist.m3u8' ? playlistAnswer(PLAYLIST) : mediaAnswer()),
    ...{ config, options },
  });
  const define = (body: Record<string, unknown> = {}): Promise<string> =>
    staged.it.define({ url: 'http://provider.example/live.ts', shared: true, ...body });
  return { ...staged, define };
}

test('a playlist says who asks and for what, and the player is one viewer however often it asks', async () => {
  const { it, edge, origins, define } = await stage();
  const id = await define();
  for (let polls = 0; polls < 3; polls++) {
    const response = await it.get(`/hls/${id}/playlist.m3u8`, { headers: { origin: 'http://page.example' } });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(PLAYLIST);
    const { headers } = response;
    expect(headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('x-stream-id')).toBe(id);
    expect(headers.get('x-client-id')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }
  expect(edge.audience.count(id)).toBe(1);
  expect(origins).toHaveLength(1);
  expect((await it.get(`/hls/${id}/playlist.m3u8`, { method: 'HEAD' })).status).toBe(200);
  expect(edge.audience.count(id)).toBe(1);
});

test('what is the viewer’s own is in every address of the playlist, and is not asked of the stream', async () => {
  const { it, origins, define } = await stage();
  const id = await define();
  const query = 'client_id=a%20b%26c&u=me&ll=1&api_token=secret';
  const text = await (await it.get(`/hls/${id}/playlist.m3u8?${query}`)).text();
  expect(text).toContain('segment/7.ts?a=%20b&client_id=a+b%26c&u=me\n');
  expect(text).toContain('URI="segment/key?client_id=a+b%26c&u=me"');
  expect(text).toContain('URI="skd://of-a-drm"');
  expect(text).not.toContain('secret');
  expect([...origins[0]!.asked[0]!.query]).toEqual([['ll', '1']]);
});

test('a list of assets leads back here for this viewer, by the name under which it was asked', async () => {
  const list = { ASSETS: [{ URI: '../variant/ad.m3u8', DURATION: 6 }], 'X-MORE': '../stays' };
  const staged = await edgeStage({
    answer: ({ path }) => {
      if (path === 'playlist.m3u8')
        return playlistAnswer('#EXTM3U\n#EXT-X-DATERANGE:ID="1",X-ASSET-LIST="segment/ads.json"\n');
      const answer = { status: 200, kind: 'asset-list', contentType: 'application/json' } as const;
      return { ...answer, maxAgeMs: 9_000, body: Buffer.from(JSON.stringify(list)) };
    },
    config: { rootPath: '/tv' },
  });
  const id = await staged.it.define({ url: 'http://provider.example/live.ts', shared: true });
  const text = await (await staged.it.get(`/tv/hls/${id}/playlist.m3u8?client_id=x`)).text();
  expect(text).toContain('X-ASSET-LIST="segment/ads.json?client_id=x"');
  const ask = async (headers: Record<string, string> = {}) => {
    const answer = await staged.it.get(`/hls/${id}/segment/ads.json?client_id=x`, { headers });
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    return answer.json();
  };
  const led = (origin: string) => ({
    ...list,
    ASSETS: [{ URI: `${origin}/tv/hls/${id}/variant/ad.m3u8?client_id=x`, DURATION: 6 }],
  });
  expect(await ask()).toEqual(led(staged.it.url));
  // Tests come from this machine, which is trusted.
  expect(await ask({ 'x-forwarded-proto': 'https' })).toEqual(led(staged.it.url.replace('http:', 'https:')));
});

test('playlists are compressed for whoever accepts that', async () => {
  const { it, define } = await stage();
  const id = await define();
  const ask = (encoding: string) =>
    fetch(`${it.url}/hls/${id}/playlist.m3u8`, { headers: { 'accept-encoding': encoding } });
  const response = await ask('br, gzip;q=0.5');
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(Number(response.headers.get('content-length'))).toBeLessThan(PLAYLIST.length);
  expect(await response.text()).toBe(PLAYLIST);
  expect((await ask('gzip;q=0')).headers.get('content-encoding')).toBeNull();
});

test('segments can be kept, and ranges of them be had', async () => {
  const { it, edge, define } = await stage();
  const id = await define();
  await it.get(`/hls/${id}/playlist.m3u8?client_id=x`);
  const ask = (range?: string) =>
    it.get(`/hls/${id}/segment/7.ts?client_id=x`, range === undefined ? {} : { headers: { range } });
  const whole = await ask();
  expect(whole.headers.get('cache-control')).toBe('public, max-age=60');
  expect(await whole.text()).toBe('0123456789');
  const cases = [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=0-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=1-2,4-5', 200, '0123456789', null],
  ] as const;
  for (const [range, status, body, contentRange] of cases) {
    const answer = await ask(range);
    expect([range, answer.status, await answer.text(), answer.headers.get('content-range')]).toEqual([
      ...[range, status, body, contentRange],
    ]);
  }
  const beyond = await ask('bytes=10-');
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  expect(edge.viewers(id)).toMatchObject([{ clientId: 'x', bytes: expect.any(Number) }]);
  expect(edge.viewers(id)[0]!.bytes).toBeGreaterThan(10 + 3 + 2 + 3 + 10 + 10);
});

test('a range beyond the end of a provider’s segment is refused with its length', async () => {
  const { it } = await edgeStage({
    answer: ({ path }) =>
      path === 'playlist.m3u8'
        ? playlistAnswer(PLAYLIST)
        : {
            ...mediaAnswer(),
            status: 416,
            headers: { 'content-range': 'bytes */10' },
            body: Buffer.alloc(0),
          },
  });
  const id = await it.define({ url: 'http://provider.example/live.ts', shared: true });
  const answer = await it.get(`/hls/${id}/segment/7.ts`, { headers: { range: 'bytes=10-' } });
  expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  expect(await answer.json()).toMatchObject({ code: 'RANGE_NOT_SATISFIABLE' });
});

test('with a secret every address is signed, and who has begun in time goes on', async () => {
  let aheadMs = 0;
  Date.now = () => now() + aheadMs;
  const { it, define } = await stage({ streamUrlSecret: 'a secret of this test', streamUrlTtlMs: 60_000 });
  const id = await define();
  const { stream_endpoint } = await json(
    it.send('POST', '/streams', {
      url: 'http://provider.example/live.ts',
      shared: true,
    }),
  );
  const query = stream_endpoint.split('?')[1];
  expect((await it.get(`/hls/${id}/playlist.m3u8`)).status).toBe(403);
  const text = await (await it.get(`/hls/${id}/playlist.m3u8?client_id=early&${query}`)).text();
  const [segment] = /segment\/7.ts\S+/.exec(text) ?? [];
  const answer = await it.get(`/hls/${id}/${segment}`);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'private, max-age=60']);
  const expiresMs = Number(new URLSearchParams(query).get('expires')) * 1_000;
  aheadMs = expiresMs - now() + 20;
  expect((await it.get(`/hls/${id}/playlist.m3u8?client_id=early&${query}`)).status).toBe(200);
  expect((await it.get(`/hls/${id}/playlist.m3u8?client_id=late&${query}`)).status).toBe(403);
});

test('a viewer that is ended is told so', async () => {
  const { it, edge, define } = await stage();
  const id = await define();
  await it.get(`/hls/${id}/playlist.m3u8?client_id=x`);
  edge.disconnect('x');
  for (const path of ['playlist.m3u8', 'segment/7.ts']) {
    const answer = await it.get(`/hls/${id}/${path}?client_id=x`);
    expect([answer.status, await answer.json()]).toMatchObject([410, { code: 'VIEWER_ENDED' }]);
  }
  expect((await it.get(`/hls/${id}/playlist.m3u8?client_id=y`)).status).toBe(200);
});

test('a player is sent to a worker for all it asks, with what is its own', async () => {
  const redirect = { target: async () => 'http://worker.example' };
  const { it, define } = await stage({ redirectSecret: 'a secret of this test' }, { redirect });
  const id = await define();
  const answer = await it.get(`/hls/${id}/playlist.m3u8?client_id=x&u=me&ll=1`, { redirect: 'manual' });
  expect(answer.status).toBe(307);
  const location = new URL(answer.headers.get('location')!);
  expect(location.origin + location.pathname).toBe(`http://worker.example/hls/${id}/playlist.m3u8`);
  expect(Object.fromEntries(location.searchParams)).toMatchObject({
    ...{ client_id: 'x', username: 'me', ll: '1', signature: expect.any(String) },
  });
});

test('players that poll a node which is about to end are sent on, and are its viewers no more', async () => {
  const redirectWhenLeaving = { target: async () => 'http://worker.example' };
  const { it, edge, define } = await stage({}, { redirectWhenLeaving });
  const id = await define();
  const poll = () => it.get(`/hls/${id}/playlist.m3u8?client_id=x`, { redirect: 'manual' });
  expect((await poll()).status).toBe(200);
  it.gateway.leave();
  expect((await it.get(`/hls/${id}/segment/7.ts?client_id=x`)).status).toBe(200);
  expect(edge.audience.count(id)).toBe(1);
  const sent = await poll();
  expect([sent.status, sent.headers.get('location')]).toEqual([
    307,
    `http://worker.example/hls/${id}/playlist.m3u8?client_id=x`,
  ]);
  expect(edge.audience.count(id)).toBe(0);
  it.gateway.stay();
  expect((await poll()).status).toBe(200);
});

test('players stay at a node that is about to end while nobody else could take them', async () => {
  const target = () => Promise.reject(new Error('there is no other worker'));
  const { it, define } = await stage({}, { redirectWhenLeaving: { target } });
  const id = await define();
  const poll = () => it.get(`/hls/${id}/playlist.m3u8?client_id=x`, { redirect: 'manual' });
  expect((await poll()).status).toBe(200);
  it.gateway.leave();
  expect((await poll()).status).toBe(200);
});

test('what is no HLS says so, and what a provider has as HLS is found there', async () => {
  const { it, define } = await stage({ rootPath: '/proxy' });
  const direct = await define({ shared: false });
  const refused = await it.get(`/hls/${direct}/playlist.m3u8`);
  expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'HLS_NOT_AVAILABLE' }]);
  expect(await json(it.get('/hls/unknown/playlist.m3u8'))).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  const created = await json(
    it.send('POST', '/streams', { url: 'http://provider.example/live.m3u8', shared: false }),
  );
  const { stream_id: id } = created;
  expect(created).toMatchObject({
    ...{ stream_type: 'hls', stream_endpoint: `/hls/${id}/playlist.m3u8` },
    ...{ playlist_url: `/hls/${id}/playlist.m3u8`, direct_url: `/stream/${id}` },
  });
  const { stream } = await json(it.get(`/streams/${id}`));
  expect(stream.playlist_url).toBe(created.playlist_url);
  const { streams } = await json(it.get('/streams'));
  const playlistOf = new Map(streams.map((it: typeof stream) => [it.stream_id, it.playlist_url]));
  expect([playlistOf.get(id), playlistOf.get(direct)]).toEqual([created.playlist_url, null]);
  const moved = await it.get(`/proxy/stream/${id}/?u=me`);
  expect(moved.url).toBe(`${it.url}/proxy/hls/${id}/playlist.m3u8?u=me`);
  expect(moved.status).toBe(200);
});

test('who watches by token gets addresses that are signed in its playlists, and never the token', async () => {
  const tokens = new TokenBook([
    { name: 'operator', scopes: ['manage'], token: 'operators-token-1' },
    { name: 'tv', scopes: ['watch'], token: 'televisions-token' },
  ]);
  const { it } = await stage({ viewerAccess: 'token' }, { tokens });
  const created = await it.send(
    'POST',
    '/streams',
    { url: 'http://provider.example/live.ts', shared: true },
    { 'x-api-token': 'operators-token-1' },
  );
  const base = `/hls/${(await json(created)).stream_id}/`;
  expect((await it.get(`${base}playlist.m3u8`)).status).toBe(401);
  expect((await it.get(`${base}playlist.m3u8?api_token=operators-token-1`)).status).toBe(403);
  for (const [path, headers] of [
    [`${base}playlist.m3u8?api_token=televisions-token`, {}],
    [`${base}playlist.m3u8`, { authorization: 'Bearer televisions-token' }],
  ] as const) {
    const playlist = await (await it.get(path, { headers })).text();
    expect(playlist).not.toContain('televisions-token');
    const [segment = ''] = /^segment\/7\.ts.*$/m.exec(playlist) ?? [];
    expect((await it.get(base + segment)).status).toBe(200);
    expect((await it.get(base + segment.replace(/signature=./, 'signature='))).status).toBe(403);
  }
  expect((await it.get(`${base}segment/7.ts`)).status).toBe(401);
});

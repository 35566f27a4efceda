import { streamSpec } from '../src/index.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const URL_A = 'http://provider.example/live/a.ts';

describe('POST /streams', () => {
  test('answers the fields that clients read', async () => {
    const it = await GatewayUnderTest.start();
    const answer = await json(
      it.send('POST', '/streams', {
        url: URL_A,
        failover_urls: ['http://backup.example/a.ts'],
        metadata: { id: 7, live: true, name: 'A' },
      }),
    );
    expect(answer).toEqual({
      stream_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      primary_url: URL_A,
      failover_urls: ['http://backup.example/a.ts'],
      user_agent: 'Streampool/test',
      stream_type: 'direct',
      stream_endpoint: `/stream/${answer.stream_id}`,
      playlist_url: `/stream/${answer.stream_id}`,
      direct_url: `/stream/${answer.stream_id}`,
      message: 'Stream created successfully (direct)',
      metadata: { id: '7', live: 'true', name: 'A' },
    });
  });

  test('the same request again has the same id; what does not change the bytes is replaced', async () => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({ url: URL_A, metadata: { name: 'before' } });
    expect(await it.define({ url: URL_A, metadata: { name: 'before' } })).toBe(id);
    expect(
      await it.define({ url: URL_A, metadata: { name: 'after' }, failover_urls: ['http://b.example/'] }),
    ).toBe(id);
    const { stream } = await json(it.get(`/streams/${id}`));
    expect(stream.metadata).toEqual({ name: 'after' });
    expect(stream.failover_urls).toEqual(['http://b.example/']);
  });

  test.each([
    ['another URL', { url: 'http://provider.example/live/b.ts' }],
    ['shared', { url: URL_A, shared: true }],
    ['headers', { url: URL_A, headers: { Referer: 'http://r.example/' } }],
    ['a user agent', { url: URL_A, user_agent: 'VLC' }],
  ])('%s makes another id', async (_name, body) => {
    const it = await GatewayUnderTest.start();
    expect(await it.define(body)).not.toBe(await it.define({ url: URL_A }));
  });

  test('what PHP sends for nothing is nothing', async () => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({
      url: URL_A,
      metadata: [],
      headers: { Referer: null },
      failover_urls: null,
      user_agent: null,
      use_sticky_session: null,
    });
    expect(id).toBe(await it.define({ url: URL_A }));
  });

  test('settings are kept with the definition', async () => {
    const it = await GatewayUnderTest.start();
    const id = await it.define({ url: URL_A, strict_live_ts: true, silence_duration: 2.5, shared: true });
    expect(await it.state.getDefinition(id)).toMatchObject({
      kind: 'shared',
      settings: { strict_live_ts: true, silence_duration: 2.5 },
    });
  });
});

describe('requests that are refused', () => {
  const wrongUrl = 'must begin with http:// or https://';
  test.each<[name: string, path: string, body: unknown, status: number, at: string, reason: string]>([
    [
      'no body',
      '/streams',
      undefined,
      422,
      'body',
      'must be a JSON object (send Content-Type: application/json)',
    ],
    ['a list', '/streams', [], 422, 'body', 'must be a JSON object (send Content-Type: application/json)'],
    ['no URL', '/streams', {}, 422, 'url', 'must be a URL'],
    ['a file', '/streams', { url: 'file:///etc/passwd' }, 422, 'url', wrongUrl],
    ['rtsp', '/streams', { url: 'rtsp://h/' }, 422, 'url', wrongUrl],
    ['no scheme', '/streams', { url: '/etc/passwd' }, 422, 'url', wrongUrl],
    ['no host', '/streams', { url: 'http:///h/a.ts' }, 422, 'url', 'is not a valid URL'],
    ['a bad port', '/streams', { url: 'http://h:99999/' }, 422, 'url', 'is not a valid URL'],
    [
      'a line break',
      '/streams',
      { url: 'http://h/a\r\nX: y' },
      422,
      'url',
      expect.stringContaining('spaces') as never,
    ],
    [
      'a second URL',
      '/streams',
      { url: URL_A, failover_urls: [URL_A, 'ftp://h/'] },
      422,
      'failover_urls.1',
      wrongUrl,
    ],
    [
      'a text as a list',
      '/streams',
      { url: URL_A, failover_urls: URL_A },
      422,
      'failover_urls',
      'must be a list of URLs',
    ],
    [
      'nested metadata',
      '/streams',
      { url: URL_A, metadata: { owner: { id: 1 } } },
      422,
      'metadata.owner',
      'must be a string, a number or a boolean',
    ],
    [
      'null metadata',
      '/streams',
      { url: URL_A, metadata: { a: null } },
      422,
      'metadata.a',
      expect.any(String) as never,
    ],
    ['metadata as text', '/streams', { url: URL_A, metadata: 'x' }, 422, 'metadata', 'must be an object'],
    [
      'a header that breaks out',
      '/streams',
      { url: URL_A, headers: { A: 'b\r\nc: d' } },
      422,
      'headers.A',
      'must not contain control characters',
    ],
    [
      'a header name',
      '/streams',
      { url: URL_A, headers: { 'a b': 'c' } },
      422,
      'headers.a b',
      'is not a header name',
    ],
    [
      'a framing header',
      '/streams',
      { url: URL_A, headers: { 'Content-Length': '5' } },
      422,
      'headers.Content-Length',
      'is set by the proxy itself',
    ],
    [
      'a user agent',
      '/streams',
      { url: URL_A, user_agent: 'a\nb' },
      422,
      'user_agent',
      'must not contain control characters',
    ],
    ['a flag', '/streams', { url: URL_A, shared: 'yes' }, 422, 'shared', 'must be true or false'],
    [
      'another resolver',
      '/transcode',
      { url: URL_A, resolver: 'curl' },
      422,
      'resolver',
      'must be streamlink or ytdlp',
    ],
    [
      'a format',
      '/transcode',
      { url: URL_A, output_format: '../x' },
      422,
      'output_format',
      expect.any(String) as never,
    ],
  ])('%s', async (_name, path, body, status, at, reason) => {
    const it = await GatewayUnderTest.start();
    const response = await it.send('POST', path, body);
    expect(response.status).toBe(status);
    const answer = await json(response);
    expect(answer).toMatchObject({
      code: 'VALIDATION_FAILED',
      request_id: response.headers.get('x-request-id'),
    });
    expect(answer.errors).toContainEqual({ path: at, reason });
    expect(answer.detail).toContain(at);
  });

  test('everything that is wrong is said at once', async () => {
    const it = await GatewayUnderTest.start();
    const { errors } = await json(it.send('POST', '/streams', { url: 'x', shared: 1, metadata: { a: [] } }));
    expect(errors.map(({ path }: { path: string }) => path).sort()).toEqual(['metadata.a', 'shared', 'url']);
  });

  test('an entry that would change the prototype is only an entry', async () => {
    const it = await GatewayUnderTest.start();
    const response = await it.send(
      'POST',
      '/streams',
      `{"url":"${URL_A}","metadata":{"__proto__":"x","a":"b"}}`,
    );
    expect(response.status).toBe(200);
    expect((await json(response)).metadata).toEqual({ a: 'b' });
  });

  test('what is no JSON, and what is too much of it', async () => {
    const it = await GatewayUnderTest.start();
    const secret = 'http://bob:s3cret@h/';
    const broken = await it.send('POST', '/streams', `{"url": "${secret}`);
    expect(broken.status).toBe(400);
    const answer = await json(broken);
    expect(answer).toMatchObject({ code: 'INVALID_REQUEST', detail: 'The body is not valid JSON' });
    const large = await it.send('POST', '/streams', { url: URL_A, metadata: { a: 'x'.repeat(70_000) } });
    expect(large.status).toBe(413);
    expect((await json(large)).code).toBe('BODY_TOO_LARGE');
    expect(it.logged.join('')).not.toContain('s3cret');
  });
});

describe('POST /transcode', () => {
  test('answers what was resolved', async () => {
    const it = await GatewayUnderTest.start();
    const answer = await json(
      it.send('POST', '/transcode', {
        url: URL_A,
        profile_variables: { video_bitrate: 800 },
        metadata: { id: '1' },
      }),
    );
    expect(answer).toMatchObject({
      primary_url: URL_A,
      stream_type: 'transcoded',
      stream_endpoint: `/stream/${answer.stream_id}`,
      playlist_url: `/hls/${answer.stream_id}/playlist.m3u8`,
      direct_url: `/stream/${answer.stream_id}`,
      format: 'mpegts',
      profile: 'default',
      profile_variables: { video_bitrate: '800' },
      ffmpeg_args: ['-i', '{input_url}', '-b:v', '800', '-f', 'mpegts', 'pipe:1'],
      metadata: { id: '1' },
    });
    const { stream } = await json(it.get(`/streams/${answer.stream_id}`));
    expect(stream).toMatchObject({
      stream_type: 'Transcoding',
      profile: 'default',
      metadata: { id: '1', transcoding: 'true', profile: 'default' },
    });
  });

  test('one variable more or less is another stream', async () => {
    const it = await GatewayUnderTest.start();
    const low = await it.define({ url: URL_A, profile_variables: { video_bitrate: '1M' } }, '/transcode');
    const high = await it.define({ url: URL_A, profile_variables: { video_bitrate: '9M' } }, '/transcode');
    expect(low).not.toBe(high);
  });

  test('an unknown profile is named', async () => {
    const it = await GatewayUnderTest.start();
    const response = await it.send('POST', '/transcode', { url: URL_A, profile: 'nope' });
    expect(response.status).toBe(400);
    expect(await json(response)).toMatchObject({ code: 'PROFILE_UNKNOWN', info: { profile: 'nope' } });
  });
});

test.each([
  ['a channel', { url: 'http://provider.example/live/1.ts' }, 'shared'],
  [
    'a channel, by somebody who wants it for himself',
    { url: 'http://provider.example/1.ts', shared: false },
    'direct',
  ],
  ['a film', { url: 'http://provider.example/film.mkv' }, 'direct'],
  ['a playlist', { url: 'http://provider.example/index.m3u8' }, 'direct'],
])('strict_live_ts makes a pool of %s where that is one', async (_, body, kind) => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ ...body, strict_live_ts: true });
  expect(await it.state.getDefinition(id)).toMatchObject({ kind });
});

test('use_sticky_session is told to the data plane', () => {
  const definition = {
    ...{ id: 'x', kind: 'direct' as const, streamType: 'hls' as const, url: 'http://p.example/index.m3u8' },
    ...{
      failoverUrls: [],
      headers: {},
      metadata: {},
      createdAtMs: 0,
      settings: { use_sticky_session: true },
    },
  };
  expect(streamSpec(definition, 'x').stickySession).toBe(true);
  expect(streamSpec({ ...definition, settings: {} }, 'x').stickySession).toBeUndefined();
});

test('who plays a stream knows its labels, which its events are told with', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url: URL_A, metadata: { name: 'one' } });
  const definition = (await it.state.getDefinition(id))!;
  expect(streamSpec(definition, 'x').metadata).toEqual({ name: 'one' });
  expect(streamSpec({ ...definition, metadata: {} }, 'x').metadata).toEqual({});
});

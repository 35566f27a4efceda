import { type Json, type Site, SiteClient, send, TOKEN } from './site-client.ts';

/** What clients of m3u-proxy rely on: paths, fields and status codes, whatever answers. */
export function describeApi(name: string, site: () => Site): void {
  describe(`the API of ${name}`, () => {
    const { gateway, call, get, create, url, watch, seen, close } = new SiteClient(site);
    afterEach(close);

    describe('who may call', () => {
      test.each([
        ['no token', '/streams', {}, 401],
        ['a wrong one in the header', '/streams', { 'X-API-Token': 'wrong' }, 403],
        ['a wrong one in the query', '/streams?api_token=wrong', {}, 403],
        ['the right one in the header', '/streams', { 'X-API-Token': TOKEN }, 200],
        ['the right one in the query', `/streams?api_token=${TOKEN}`, {}, 200],
        ['the header wins', `/streams?api_token=${TOKEN}`, { 'X-API-Token': 'wrong' }, 403],
        ['/health with a token', '/health', { 'X-API-Token': TOKEN }, 200],
        ['/stats without one', '/stats', {}, 401],
        ['/webhooks without one', '/webhooks', {}, 401],
        ['/events without one', '/events', {}, 401],
        ['/healthz needs none', '/healthz', {}, 200],
        ['/readyz needs none', '/readyz', {}, 200],
        ['/docs needs none', '/docs', {}, 200],
        ['watching needs none', '/stream/0123456789abcdef0123456789abcdef', {}, 404],
      ])('%s: %s', async (_, path, headers, status) => {
        expect((await send(`${gateway()}${path}`, 'GET', undefined, headers)).status).toBe(status);
      });

      test('a refusal has the shape of all errors', async () => {
        const { body, headers } = await send(`${gateway()}/streams`, 'GET');
        expect(body).toEqual({
          code: 'TOKEN_MISSING',
          detail: expect.any(String),
          request_id: expect.any(String),
        });
        expect(headers['content-type']).toContain('application/json');
      });
    });

    describe('creating', () => {
      test('POST /streams answers what clients read, the same again for the same request', async () => {
        const body = {
          url: url('/created.ts?token=hunter2'),
          failover_urls: [url('/created-2.ts')],
          user_agent: 'Test/1',
          metadata: { title: 'News', n: 5, hd: true },
        };
        const created = await create(body);
        expect(created).toMatchObject({
          stream_id: expect.stringMatching(/^[0-9a-f]{32}$/),
          primary_url: expect.stringContaining('/created.ts'),
          failover_urls: [expect.stringContaining('/created-2.ts')],
          user_agent: 'Test/1',
          stream_type: 'direct',
          stream_endpoint: `/stream/${created.stream_id}`,
          direct_url: expect.stringContaining(`/stream/${created.stream_id}`),
          message: expect.any(String),
          metadata: { title: 'News', n: '5', hd: 'true' },
        });
        expect(JSON.stringify(created)).not.toContain('hunter2');
        expect((await create(body)).stream_id).toBe(created.stream_id);
        const detail = (await get(`/streams/${created.stream_id}`)).body;
        expect(detail.stream).toMatchObject({ stream_id: created.stream_id, has_failover: true });
      });

      test('a playlist is of type hls and is watched below /hls', async () => {
        const created = await create({ url: 'http://127.0.0.1:9/live/index.m3u8' });
        expect(created).toMatchObject({
          stream_type: 'hls',
          playlist_url: expect.stringContaining(`/hls/${created.stream_id}/playlist.m3u8`),
        });
      });

      test('POST /transcode tells the profile, the format and FFmpeg’s arguments', async () => {
        const body = {
          url: url('/transcoded.ts'),
          profile: '720p',
          profile_variables: { video_bitrate: '3M' },
        };
        const created = await create(body, '/transcode');
        expect(created).toMatchObject({
          profile: '720p',
          format: 'mpegts',
          profile_variables: { video_bitrate: '3M' },
          ffmpeg_args: expect.arrayContaining(['3M']),
        });
        const other = await create({ ...body, profile_variables: { video_bitrate: '4M' } }, '/transcode');
        expect(other.stream_id).not.toBe(created.stream_id);
      });

      test.each([
        ['no URL', '/streams', {}, 422],
        ['another scheme', '/streams', { url: 'file:///etc/passwd' }, 422],
        ['nested metadata', '/streams', { url: 'http://p.example/', metadata: { a: { b: 1 } } }, 422],
        ['no JSON', '/streams', '{', 400],
        ['failover URLs that are none', '/streams', { url: 'http://p.example/', failover_urls: 'x' }, 422],
        ['an unknown profile', '/transcode', { url: 'http://p.example/', profile: 'nonsense' }, 400],
        [
          'an output elsewhere',
          '/transcode',
          { url: 'http://p.example/', profile: '-i {input_url} /tmp/x' },
          400,
        ],
      ])('%s is refused by %s', async (_, path, body, status) => {
        const answer = await call('POST', path, body);
        expect({ path, status: answer.status, detail: answer.body.detail }).toMatchObject({ status });
        expect(answer.body.code).toEqual(expect.any(String));
      });
    });

    describe('looking', () => {
      test.each(['/streams/', '/stream/', '/hls/'])('an unknown id is a 404 below %s', async (path) => {
        const id = 'f'.repeat(32);
        const answer = await get(path === '/hls/' ? `${path}${id}/playlist.m3u8` : `${path}${id}`);
        expect(answer.status).toBe(404);
        expect(answer.body.code).toBe('STREAM_NOT_FOUND');
      });

      test.each([
        '/',
        '/health',
        '/info',
        '/stats',
        '/stats/detailed',
        '/stats/performance',
        '/stats/streams',
        '/stats/clients',
        '/clients',
        '/transcode/profiles',
      ])('GET %s', async (path) => {
        const { status, body } = await get(path);
        expect(status).toBe(200);
        expect(body).toEqual(expect.any(Object));
        expect(JSON.stringify(body)).not.toContain(TOKEN);
      });

      test('profiles are there by the names that clients use', async () => {
        const names = (await get('/transcode/profiles')).body.profiles.map(({ name }: Json) => name);
        for (const wanted of ['default', 'hq', 'lowlatency', '720p', '1080p', 'hevc', 'audio', 'low_quality'])
          expect(names).toContain(wanted);
      });

      test('POST /test-connection tells whether a URL answers', async () => {
        expect((await call('POST', '/test-connection', { url: url('/tested.ts') })).body).toMatchObject({
          success: true,
        });
        const refused = await call('POST', '/test-connection', { url: 'http://127.0.0.1:9/x' });
        expect(refused.body).not.toMatchObject({ success: true });
      });

      test('a path or a method that is not there is a 404, a 405', async () => {
        expect((await get('/nonsense')).status).toBe(404);
        const wrong = await call('DELETE', '/stats');
        expect(wrong.status).toBe(405);
        expect(wrong.headers.allow).toContain('GET');
      });
    });

    describe('metadata', () => {
      const group = `g${Math.random()}`;
      const make = (n: number, more: Record<string, string> = {}) =>
        create({ url: url(`/labelled-${n}.ts`), metadata: { group, ...more } });

      test('streams are found, counted and removed by it, those that are watched and excluded ones not', async () => {
        const [a, b, c] = [await make(1, { id: 'x' }), await make(2), await make(3)];
        const query = `field=group&value=${group}`;
        const idle = (await get(`/streams/by-metadata?${query}`)).body;
        expect(idle).toMatchObject({ active_only: true, total_matching: 0 });
        const found = (await get(`/streams/by-metadata?${query}&active_only=false`)).body;
        expect(found).toMatchObject({
          filter: { field: 'group', value: group },
          total_matching: 3,
          active_only: false,
        });
        const [first] = found.matching_streams;
        expect(first).toMatchObject({ client_count: 0, metadata: { group } });
        await watch(b.stream_id, '?client_id=labelled');
        await seen(
          `/streams/by-metadata?${query}&active_only=true`,
          ({ total_matching }) => total_matching === 1,
        );
        expect(
          (await get(`/streams/counts-by-metadata?field=group&values=${group},other`)).body,
        ).toMatchObject({
          field: 'group',
          counts: { [group]: expect.any(Number), other: 0 },
        });
        const remove = async (path: string): Promise<Json> => {
          const { status, body } = await call('DELETE', path);
          expect(status).toBe(200);
          return body;
        };
        expect(await remove(`/streams/by-metadata?${query}&exclude_channel_id=x&force=false`)).toEqual({
          message: expect.any(String),
          deleted_streams: [c.stream_id],
          skipped_streams: expect.arrayContaining([
            { stream_id: a.stream_id, reason: 'excluded_by_channel_id' },
            { stream_id: b.stream_id, reason: 'has_active_clients', active_clients: 1 },
          ]),
          deleted_count: 1,
        });
        // Of a viewer who is about to watch something else, it is not said that he still watches.
        const zapped = await remove(
          `/streams/by-metadata?${query}&exclude_channel_id=x&force=false&client_id=labelled`,
        );
        expect(zapped.deleted_streams).toEqual([b.stream_id]);
        const d = await make(4);
        const oldest = `/streams/oldest-by-metadata?${query}`;
        expect(await remove(`${oldest}&exclude_channel_id=x`)).toMatchObject({
          deleted_stream: d.stream_id,
          deleted_count: 1,
        });
        expect(await remove(`${oldest}&exclude_channel_id=x`)).toMatchObject({
          deleted_stream: null,
          deleted_count: 0,
        });
        expect((await remove(oldest)).deleted_stream).toBe(a.stream_id);
        const left = (await get(`/streams/by-metadata?${query}&active_only=false`)).body;
        expect(left.total_matching).toBe(0);
      });

      test.each(['?field=group', '?value=x', ''])(
        'a question without field or value is a 422: %s',
        async (query) => {
          expect((await get(`/streams/by-metadata${query}`)).status).toBe(422);
          expect((await call('DELETE', `/streams/by-metadata${query}`)).status).toBe(422);
        },
      );
    });
  });
}

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeProvider, Player, waitFor } from '@streampool/testkit';
import { TestReceiver } from '../../../webhooks/test/receiver.ts';

/** An installation that clients know by the addresses of its gateways. */
export interface Site {
  /** Any of them answers for the whole. */
  readonly gateways: readonly { readonly url: string }[];
  readonly provider: FakeProvider;
  /** Serves `path` as a live stream. */
  live(path: string): void;
  /** Serves a live playlist below `directory`. */
  hls(directory: string): void;
}

export const TOKEN = 'a-token-of-sixteen-characters';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
type Json = any;

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Json;
}

/**
 * What clients of m3u-proxy rely on: paths, fields and status codes, whatever answers. Each request goes to another gateway
 * than the one before it.
 */
export function describeApi(name: string, site: () => Site): void {
  describe(`the API of ${name}`, () => {
    let turn = 0;
    const players: Player[] = [];
    const gateway = (): string => {
      const { gateways } = site();
      turn += 1;
      return gateways[turn % gateways.length]!.url;
    };
    const call = (
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ): Promise<Answered> => send(`${gateway()}${path}`, method, body, { 'X-API-Token': TOKEN, ...headers });
    const get = (path: string): Promise<Answered> => call('GET', path);
    const create = async (body: Record<string, unknown>, path = '/streams'): Promise<Json> => {
      const { status, body: answer } = await call('POST', path, body);
      expect({ status, answer }).toMatchObject({ status: 200 });
      return answer;
    };
    const url = (path: string): string => {
      site().live(path.split('?')[0]!);
      return site().provider.url(path);
    };
    const watch = async (id: string, query = ''): Promise<Player> => {
      const player = new Player(`${gateway()}/stream/${id}${query}`);
      players.push(player);
      await player.waitForMedia(0.2);
      return player;
    };
    /** Until every gateway says so. */
    const seen = (path: string, is: (body: Json) => boolean): Promise<unknown> =>
      waitFor(
        async () => {
          const answers = await Promise.all(site().gateways.map(() => get(path)));
          return answers.every(({ body }) => is(body));
        },
        { what: `${path} to say so` },
      );

    afterEach(async () => {
      await Promise.all(players.splice(0).map((player) => player.close()));
    });

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

    describe('watching', () => {
      test('answers the ids, and knows the viewer by address and name, wherever it is asked', async () => {
        const { stream_id: id } = await create({ url: url('/watched.ts'), shared: true });
        const from = `${gateway()}/stream/${id}?client_id=me&username=query`;
        const reading = request(from, {
          headers: { 'X-Forwarded-For': '203.0.113.9', 'X-Username': 'alice' },
        });
        reading.end();
        const [response] = await once(reading, 'response');
        response.resume();
        expect(response.headers).toMatchObject({
          'x-client-id': 'me',
          'x-stream-id': id,
          'content-type': 'video/mp2t',
        });
        await seen('/clients', ({ clients }) => clients.some(({ client_id }: Json) => client_id === 'me'));
        const { clients } = (await get('/clients')).body;
        expect(clients.find(({ client_id }: Json) => client_id === 'me')).toMatchObject({
          stream_id: id,
          ip_address: '203.0.113.9',
          username: 'alice',
          is_connected: true,
        });
        await seen(`/streams/${id}`, ({ client_count }) => client_count === 1);
        const head = await send(`${gateway()}/stream/${id}`, 'HEAD');
        expect(head.status).toBe(200);
        const ended = once(response, 'close');
        expect((await call('DELETE', `/streams/${id}`)).body).toMatchObject({ disconnected_clients: 1 });
        await ended;
        expect((await get(`/streams/${id}`)).status).toBe(404);
      });

      test('a source that cannot be opened is an error with its reason, never an empty picture', async () => {
        const { stream_id: id } = await create({ url: 'http://127.0.0.1:9/dead.ts' });
        const answer = await send(`${gateway()}/stream/${id}`, 'GET');
        expect(answer.status).toBe(502);
        expect(answer.body).toMatchObject({ code: 'UPSTREAM_CONNECT_FAILED' });
      });
    });

    describe('HLS', () => {
      test('a playlist’s URIs lead through us and play; its viewer has an id and can be ended', async () => {
        site().hls('/contract-hls/');
        const created = await create({ url: site().provider.url('/contract-hls/index.m3u8?token=hunter2') });
        const id = created.stream_id;
        const path = `/hls/${id}/playlist.m3u8`;
        const opened = await send(`${gateway()}${path}?client_id=hls-me&username=alice`, 'GET');
        expect(opened.headers).toMatchObject({
          'x-client-id': 'hls-me',
          'x-stream-id': id,
          'content-type': expect.stringContaining('mpegurl'),
        });
        const uris = String(opened.body)
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('#'));
        expect(uris.length).toBeGreaterThan(1);
        expect(opened.body).not.toContain('hunter2');
        expect(opened.body).not.toContain(`${site().provider.port}`);
        for (const uri of uris.slice(0, 2)) {
          const segment = await send(new URL(uri, `${gateway()}${path}`).href, 'GET');
          expect({ status: segment.status, type: segment.headers['content-type'] }).toMatchObject({
            status: 200,
            type: 'video/mp2t',
          });
        }
        const other = String(uris[0]).replace(/segment\/[\w-]+/, 'segment/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
        expect((await send(new URL(other, `${gateway()}${path}`).href, 'GET')).status).toBeGreaterThanOrEqual(
          400,
        );
        await seen('/clients', ({ clients }) =>
          clients.some((client: Json) => client.client_id === 'hls-me' && client.username === 'alice'),
        );
        expect((await call('DELETE', `/hls/${id}/clients/hls-me`)).status).toBe(200);
        expect((await call('DELETE', `/hls/${id}/clients/nobody`)).status).toBe(404);
        expect((await send(`${gateway()}${path}?client_id=hls-me`, 'GET')).status).toBe(410);
      });
    });

    describe('broadcasts', () => {
      test('what there is, and what cannot be', async () => {
        expect((await get('/broadcast')).status).toBe(200);
        expect((await get('/broadcast/nobody/status')).status).toBe(404);
        expect((await get('/broadcast/nobody/live.m3u8')).status).toBe(404);
        expect((await call('POST', '/broadcast/nobody/stop')).status).toBe(404);
        expect((await call('DELETE', '/broadcast/nobody')).status).toBe(404);
        expect((await call('POST', '/broadcast/one/start', {})).status).toBe(422);
        const file = await call('POST', '/broadcast/one/start', { stream_url: 'file:///etc/passwd' });
        expect(file.status).toBe(422);
      });
    });

    describe('failover', () => {
      test('changes to the next URL, and says so; without another URL it is a 400', async () => {
        const { stream_id: id } = await create({
          ...{ url: url('/first.ts'), failover_urls: [url('/second.ts')], shared: true },
        });
        await watch(id);
        await seen(`/streams/${id}`, ({ client_count }) => client_count === 1);
        const answer = await call('POST', `/streams/${id}/failover`);
        expect(answer.body).toMatchObject({
          new_url: expect.stringContaining('/second.ts'),
          failover_index: 1,
          failover_attempts: 1,
          active_clients: 1,
        });
        const { stream_id: lonely } = await create({ url: url('/lonely.ts'), shared: true });
        expect((await call('POST', `/streams/${lonely}/failover`)).status).toBe(400);
        expect((await call('POST', `/streams/${'e'.repeat(32)}/failover`)).status).toBe(404);
      });

      test('asks the resolver with what it needs to know', async () => {
        const asked: Json[] = [];
        const next = url('/resolved.ts');
        const resolver = createServer((req, res) => {
          let body = '';
          req.on('data', (chunk) => {
            body += chunk;
          });
          req.on('end', () => {
            asked.push(JSON.parse(body));
            res.setHeader('content-type', 'application/json');
            res.end(JSON.stringify({ next_url: next }));
          });
        }).listen(0, '127.0.0.1');
        await once(resolver, 'listening');
        const resolverUrl = `http://127.0.0.1:${(resolver.address() as AddressInfo).port}/next`;
        const { stream_id: id } = await create({
          ...{
            url: url('/breaks.ts'),
            failover_resolver_url: resolverUrl,
            metadata: { id: 7 },
            shared: true,
          },
        });
        await watch(id);
        expect((await call('POST', `/streams/${id}/failover`)).body).toMatchObject({
          new_url: expect.stringContaining('/resolved.ts'),
        });
        expect(asked[0]).toMatchObject({
          current_url: expect.stringContaining('/breaks.ts'),
          metadata: { id: '7' },
          current_failover_index: 0,
        });
        expect(asked[0]).toHaveProperty('reason');
        resolver.close();
      });
    });

    describe('events', () => {
      test('a webhook added anywhere is told once of what happens anywhere, and so is a listener', async () => {
        const receiver = await TestReceiver.start();
        const { stream_id: id } = await create({
          ...{ url: url('/told.ts?token=hunter2'), failover_urls: [url('/told-2.ts')], shared: true },
        });
        const events = [
          'stream_started',
          'client_connected',
          'failover_triggered',
          'client_disconnected',
          'stream_stopped',
        ];
        const hook = `${receiver.url}/hook`;
        const added = await call('POST', '/webhooks', { url: hook, events, stream_id: id });
        expect(added.body).toMatchObject({ webhook_url: hook, events });
        expect((await get('/webhooks')).body.webhooks).toContainEqual(
          expect.objectContaining({ url: hook, timeout: 10, retry_attempts: 3 }),
        );
        const listening = request(`${gateway()}/events?api_token=${TOKEN}&stream_id=${id}`);
        listening.end();
        const [heard] = await once(listening, 'response');
        let text = '';
        heard.on('data', (chunk: Buffer) => {
          text += chunk;
        });
        const player = await watch(id, '?client_id=told');
        expect((await call('POST', `/streams/${id}/failover`)).status).toBe(200);
        await receiver.until((all) => all.some(({ json }) => json.event_type === 'failover_triggered'));
        await player.close();
        await receiver.until((all) => all.some(({ json }) => json.event_type === 'stream_stopped'));
        const types = receiver.received.map(({ json }) => json.event_type);
        for (const type of events) expect(types.filter((each) => each === type)).toEqual([type]);
        const of = (type: string): Json =>
          receiver.received.find(({ json }) => json.event_type === type)?.json;
        expect(of('client_connected')).toMatchObject({
          event_id: expect.any(String),
          stream_id: id,
          timestamp: expect.stringMatching(/^\d{4}-/),
          data: { client_id: 'told', ip_address: '127.0.0.1' },
        });
        expect(of('failover_triggered').data).toMatchObject({
          old_index: 0,
          failover_index: 1,
          old_url: expect.stringContaining('token=***'),
          new_url: expect.stringContaining('/told-2.ts'),
          reason: expect.any(String),
        });
        expect(JSON.stringify(receiver.received)).not.toContain('hunter2');
        await waitFor(() => /^event: stream_stopped$/m.test(text), {
          what: 'the listener to hear of the end',
        });
        for (const type of events) expect(text.match(new RegExp(`^event: ${type}$`, 'gm'))).toHaveLength(1);
        expect(text).toContain(of('failover_triggered').event_id);
        listening.destroy();
        const query = `webhook_url=${encodeURIComponent(hook)}`;
        expect((await call('POST', `/webhooks/test?${query}`)).body).toMatchObject({
          event_id: expect.any(String),
        });
        expect((await call('DELETE', `/webhooks?${query}`)).status).toBe(200);
        expect((await call('DELETE', `/webhooks?${query}`)).status).toBe(404);
        await receiver.close();
      });
    });
  });
}

function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const sent = text === undefined ? headers : { 'content-type': 'application/json', ...headers };
    const asked = request(url, { method, agent: false, headers: sent, timeout: 60_000 }, (response) => {
      let got = '';
      response.on('data', (chunk) => {
        got += chunk;
      });
      response.on('end', () => {
        const isJson = response.headers['content-type']?.includes('json') && got !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson ? JSON.parse(got) : got,
        });
      });
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${url} was not answered`)));
    asked.on('error', reject);
    asked.end(text);
  });
}

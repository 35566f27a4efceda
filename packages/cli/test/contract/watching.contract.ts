import { once } from 'node:events';
import { request } from 'node:http';
import { waitFor } from '@streampool/testkit';
import { TestReceiver } from '../../../webhooks/test/receiver.ts';
import { type Json, type Site, SiteClient, send, TOKEN } from './site-client.ts';

/** What clients of m3u-proxy rely on while somebody watches: viewers, sources and what is told of them. */
export function describeWatching(name: string, site: () => Site): void {
  describe(`watching by the API of ${name}`, () => {
    const { gateway, call, get, create, url, watch, seen, resolver, closeLater, close } = new SiteClient(
      site,
    );
    afterEach(close);

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
        const { url: resolverUrl, asked } = await resolver(url('/resolved.ts'));
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
      });
    });

    describe('events', () => {
      test('a webhook added anywhere is told once of what happens anywhere, and so is a listener', async () => {
        const receiver = await TestReceiver.start();
        closeLater(() => receiver.close());
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
      });
    });
  });
}

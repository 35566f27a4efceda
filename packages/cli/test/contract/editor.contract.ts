import { waitFor } from '@streampool/testkit';
import { TestReceiver } from '../../../webhooks/test/receiver.ts';
import { type Json, type Site, SiteClient } from './site-client.ts';

/** What an editor of playlists asks (docs/m3u-editor.md) beyond what other clients do, in the words in which it asks. */
export function describeEditor(name: string, site: () => Site): void {
  describe(`what an editor asks ${name}`, () => {
    const client = new SiteClient(site);
    const { gateway, url: live, watch, resolver, closeLater, close } = client;
    afterEach(close);

    const ask = async (
      method: string,
      path: string,
      body?: unknown,
    ): Promise<{ status: number; body: Json }> => {
      const { status, body: answer } = await client.call(method, path, body, { Accept: 'application/json' });
      return { status, body: answer };
    };
    const create = async (body: Record<string, unknown>, path?: string): Promise<string> =>
      (await client.create(body, path)).stream_id;
    const streamIn = async (id: string): Promise<Json> =>
      (await ask('GET', '/streams')).body.streams.find((stream: Json) => stream.stream_id === id);

    test('to change the source of a direct stream, with an empty list for a body: its resolver says to which', async () => {
      const { url, asked } = await resolver(live('/editor-2.ts'));
      const metadata = { id: 7, type: 'channel', playlist_uuid: 'p', is_failover: false };
      const id = await create({ url: live('/editor-1.ts'), failover_resolver_url: url, metadata });
      await watch(id);
      const before = await streamIn(id);
      expect(before).toMatchObject({ has_failover: true, last_failover_time: null });
      expect(before.failover_resolver_url).toBe(url);
      const changed = await ask('POST', `/streams/${id}/failover`, []);
      expect(changed).toMatchObject({
        status: 200,
        body: { new_url: expect.stringContaining('/editor-2.ts') },
      });
      expect(asked[0]).toMatchObject({
        current_url: expect.stringContaining('/editor-1.ts'),
        current_failover_index: 0,
        metadata: { id: '7', playlist_uuid: 'p' },
      });
      await waitFor(async () => (await streamIn(id)).current_url.endsWith('/editor-2.ts'), {
        what: 'the list to name what plays',
      });
      // Gateways ask the nodes once a second at most, each for itself.
      await waitFor(async () => /^\d{4}-/.test((await streamIn(id)).last_failover_time ?? ''), {
        what: 'every list to say when',
      });
    });

    test('for another source where the first one refuses, and is told the status', async () => {
      const { url, asked } = await resolver(live('/editor-instead.ts'));
      const id = await create({ url: site().provider.url('/editor-404.ts'), failover_resolver_url: url });
      await watch(id);
      expect(asked[0]).toMatchObject({ status_code: 404, reason: expect.any(String) });
    });

    test('to be told of streams by its own labels, to their end', async () => {
      const receiver = await TestReceiver.start();
      closeLater(() => receiver.close());
      const metadata = { provider_profile_id: 3, playlist_uuid: 'told' };
      const id = await create({ url: live('/editor-told.ts'), metadata });
      const events = ['client_connected', 'client_disconnected', 'stream_started', 'stream_stopped'];
      const hook = { url: receiver.url, events, timeout: 5, retry_attempts: 2 };
      for (const _ of [1, 2]) expect((await ask('POST', '/webhooks', hook)).status).toBe(200);
      const listed = (await ask('GET', '/webhooks')).body.webhooks;
      expect(listed.filter((each: Json) => each.url === receiver.url)).toHaveLength(1);
      const own = (): Json[] => receiver.received.map(({ json }) => json).filter((it) => it.stream_id === id);
      await watch(id);
      await receiver.until(() => own().some((it) => it.event_type === 'stream_started'));
      expect((await ask('DELETE', `/streams/${id}`, [])).status).toBe(200);
      await receiver.until(() => new Set(own().map((it) => it.event_type)).size === events.length);
      for (const { data } of own())
        expect(data.metadata).toEqual({ provider_profile_id: '3', playlist_uuid: 'told' });
      expect(await ask('DELETE', '/webhooks', { webhook_url: receiver.url })).toMatchObject({ status: 200 });
    });

    test('how many streams of a label are watched, and to let one viewer go', async () => {
      const metadata = { channel_id: 'e9', original_channel_id: 'e9' };
      const id = await create({ url: live('/editor-counted.ts'), metadata });
      const matching = async (): Promise<Json> =>
        (await ask('GET', '/streams/by-metadata?field=original_channel_id&value=e9&active_only=1')).body;
      expect(await matching()).toMatchObject({ total_matching: 0, matching_streams: [] });
      await Promise.all(
        ['tab-1', 'tab-2'].map((client) => watch(id, `?client_id=${client}&username=bob-${client}`)),
      );
      await waitFor(async () => (await matching()).total_clients === 2, { what: 'both to be counted' });
      expect((await matching()).matching_streams).toEqual([
        expect.objectContaining({ stream_id: id, client_count: 2, metadata: { ...metadata } }),
      ]);
      const counts = '/streams/counts-by-metadata?field=channel_id&values=e9,none&active_only=1';
      expect((await ask('GET', counts)).body.counts).toEqual({ e9: 1, none: 0 });
      const leave = (client: string): Promise<{ body: Json }> =>
        ask('DELETE', `/streams/by-metadata?field=channel_id&value=e9&force=false&client_id=${client}`, []);
      expect((await leave('tab-1')).body).toMatchObject({ deleted_count: 0 });
      expect((await leave('tab-2')).body).toMatchObject({ deleted_count: 1, deleted_streams: [id] });
    });

    test('for figures of HLS: segments and bytes, whichever node served them', async () => {
      site().hls('/editor-hls/');
      const id = await create({ url: site().provider.url('/editor-hls/index.m3u8') });
      const root = `${gateway()}/hls/${id}/`;
      const playlist = await (await fetch(`${root}playlist.m3u8?client_id=editor-tv`)).text();
      const [segment = ''] = playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      const bytes = (await (await fetch(root + segment)).arrayBuffer()).byteLength;
      await waitFor(async () => (await streamIn(id)).total_segments_served === 1, {
        what: 'the segment to count',
      });
      await waitFor(async () => (await streamIn(id)).total_bytes_served >= bytes, {
        what: 'the bytes to count',
      });
      const tv = async (): Promise<Json> =>
        (await ask('GET', '/clients')).body.clients.find((each: Json) => each.client_id === 'editor-tv');
      await waitFor(async () => (await tv())?.segments_served === 1, {
        what: 'the viewer’s segment to count',
      });
      await waitFor(async () => (await tv())?.bytes_served >= bytes, { what: 'the viewer’s bytes to count' });
    });

    test('what is in a stream, and what FFmpeg makes of it', async () => {
      const shared = await create({ url: live('/editor-found.ts'), shared: true });
      const made = await create({ url: live('/editor-made.ts'), profile: 'default' }, '/transcode');
      expect(await streamIn(shared)).toMatchObject({ media_info: null, output_media_info: null });
      await Promise.all([watch(shared), watch(made)]);
      const found = {
        resolution: expect.stringMatching(/^\d+x\d+$/),
        ...{ video_codec: 'h264', fps: expect.any(Number), container: 'MPEGTS' },
        ...{ audio_codec: 'aac', audio_channels: expect.stringMatching(/^(mono|stereo)$/) },
      };
      // Gateways ask the nodes once a second at most, each for itself.
      await client.seen(`/streams/${shared}`, ({ stream }) => stream.media_info !== null);
      await client.seen(
        `/streams/${made}`,
        ({ stream }) => stream.media_info !== null && stream.output_media_info?.speed > 0,
      );
      expect(await streamIn(shared)).toMatchObject({ media_info: found, output_media_info: null });
      expect(await streamIn(made)).toMatchObject({ media_info: found, output_media_info: found });
    });

    test('whether a file of cookies could be used, and why not', async () => {
      expect(await ask('GET', '/validate-cookies-file?path=/etc/passwd')).toEqual({
        status: 200,
        body: { valid: false, message: expect.stringContaining('RESOLVER_COOKIES_DIR') },
      });
      const body = { url: live('/editor-page.ts'), profile: 'default', cookies_path: null };
      await create({ ...body, metadata: { profile_id: 4 } }, '/transcode');
    });

    test('what its status pages show', async () => {
      const { body: info } = await ask('GET', '/info');
      expect(info).toMatchObject({
        version: expect.any(String),
        ffmpeg_version: expect.any(String),
        hardware_acceleration: { enabled: expect.any(Boolean) },
        redis: {
          pooling_enabled: true,
          max_clients_per_stream: expect.any(Number),
          sharing_strategy: expect.any(String),
        },
      });
      const { body: health } = await ask('GET', '/health');
      expect(health).toMatchObject({ status: 'healthy', version: info.version });
      expect(health.stats).toMatchObject({
        active_streams: expect.any(Number),
        total_clients: expect.any(Number),
      });
      expect(await ask('GET', '/broadcast')).toMatchObject({
        status: 200,
        body: { broadcasts: expect.any(Array) },
      });
    });
  });
}

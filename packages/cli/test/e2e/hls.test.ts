import { api, HlsReader, type HlsReaderOptions, Player, waitFor } from '@streampool/testkit';
import { COPY, useStage } from './stage.ts';

const stage = useStage({ env: { HLS_SEGMENT_DURATION: '1', HLS_VIEWER_TIMEOUT: '5' } });
const readers: HlsReader[] = [];
/** By which a busy machine may hold up a provider, a server or who reads. */
const BUSY_MS = 4_000;

function read(path: string, options?: HlsReaderOptions): HlsReader {
  const reader = new HlsReader(`${stage.server.url}${path}`, { record: true, slackMs: BUSY_MS, ...options });
  readers.push(reader);
  return reader;
}

// All tests run side by side: most of what they do is to watch.
afterAll(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
});

const get = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(`${stage.server.url}${path}`, init);

/** What no player may meet, however it begins. */
const CLEAN = { violations: [], lost: 0, playlistFailures: [] };

/** A quality below the source's, which costs an encoder next to nothing. */
const SMALL =
  '-i {input_url} -c:v libx264 -preset ultrafast -g 25 -s 160x90 -maxrate 600k -bufsize 600k -c:a aac -b:a 64k -f mpegts pipe:1';

interface Shown {
  readonly stream: { readonly state: string; readonly client_count: number };
  readonly clients: readonly { readonly client_id: string; readonly bytes_served: number }[];
}
const shown = async (id: string): Promise<Shown> =>
  (await api(stage.server, 'GET', `/streams/${id}`)).body as Shown;

test.concurrent('viewers of HLS and of the stream itself share one connection, and are all viewers', async () => {
  stage.provider.live('/both.ts', stage.sample, { start: 'live' });
  const created = await stage.create('streams', { url: stage.provider.url('/both.ts'), shared: true });
  const { id } = created;
  const playlist = `/hls/${id}/playlist.m3u8`;
  const [one, two] = [read(`${playlist}?client_id=one`), read(`${playlist}?client_id=two`)];
  const player = stage.play(created.url);
  await Promise.all([one.waitForPlayed(4), two.waitForPlayed(4), player.waitForMedia(3)]);
  expect(stage.provider.stats('/both.ts')).toMatchObject({ total: 1 });
  for (const reader of [one, two]) expect(reader.report()).toMatchObject(CLEAN);
  expect(await one.decodeErrors(stage.file('.'))).toEqual([]);
  const { stream, clients } = await shown(id);
  expect(stream).toMatchObject({ state: 'live', client_count: 3 });
  expect(clients.map(({ client_id }) => client_id)).toEqual(expect.arrayContaining(['one', 'two']));
  expect(clients.every(({ bytes_served }) => bytes_served > 100_000)).toBe(true);

  await two.close();
  await waitFor(async () => (await shown(id)).clients.length === 2, { what: 'the silent viewer to be gone' });
  expect((await get(`/hls/${id}/clients/one`, { method: 'DELETE' })).status).toBe(200);
  expect((await get(`/hls/${id}/clients/one`, { method: 'DELETE' })).status).toBe(404);
  const ended = await get(`${playlist}?client_id=one`);
  expect([ended.status, await ended.json()]).toMatchObject([410, { code: 'VIEWER_ENDED' }]);
  await get(`/streams/${id}`, { method: 'DELETE' });
  expect((await get(`${playlist}?client_id=three`)).status).toBe(404);
  await waitFor(() => stage.provider.stats('/both.ts').current === 0, {
    what: 'the connection to be closed',
  });
});

test.concurrent('a provider’s playlist is fetched once for everybody, and its segments are passed on', async () => {
  const channel = stage.provider.hls('/hls/', stage.sample, { window: 12 });
  stage.provider.hls('/other/', stage.sample, { window: 12 });
  const { id } = await stage.create('streams', {
    url: stage.provider.url('/hls/index.m3u8'),
    failover_urls: [stage.provider.url('/other/index.m3u8')],
  });
  const playlist = `/hls/${id}/playlist.m3u8`;
  const redirect = await get(`/stream/${id}?client_id=x`, { redirect: 'manual' });
  expect([redirect.status, redirect.headers.get('location')]).toEqual([
    307,
    `../hls/${id}/playlist.m3u8?client_id=x`,
  ]);
  const all = Array.from({ length: 10 }, (_, index) => read(`${playlist}?client_id=player-${index}`));
  await Promise.all(all.map((reader) => reader.waitForPlayed(4)));
  for (const reader of all) expect(reader.report()).toMatchObject(CLEAN);
  expect(await all[0]!.decodeErrors(stage.file('.'))).toEqual([]);
  expect([[...channel.requests], channel.askedAsByOne]).toEqual([expect.anything(), true]);
  expect((await shown(id)).stream).toMatchObject({ state: 'live', client_count: 10 });

  const failover = await api(stage.server, 'POST', `/streams/${id}/failover`);
  expect([failover.status, failover.body]).toMatchObject([200, { failover_index: 1, active_clients: 10 }]);
  const isOver = (): boolean => all.every((reader) => reader.report().discontinuities > 0);
  await waitFor(isOver, { what: 'everybody to have come to the other source' });
  for (const reader of all) expect(reader.report()).toMatchObject({ ...CLEAN, discontinuities: 1 });
});

test.concurrent('several profiles make one playlist that players choose from', async () => {
  stage.provider.live('/ladder.ts', stage.sample, { start: 'keyframe' });
  const { body } = await api(stage.server, 'POST', '/transcode', {
    url: stage.provider.url('/ladder.ts'),
    profiles: [COPY, SMALL, COPY],
  });
  const created = body as { playlist_url: string; stream_id: string; variants: { stream_id: string }[] };
  const entry = await get(created.playlist_url);
  expect(await entry.text()).toMatch(
    /BANDWIDTH=8000000[^/]*variant\/0\/playlist\.m3u8\n[^/]*BANDWIDTH=730400,RESOLUTION=160x90[^/]*variant\/1\/[^/]*$/,
  );
  const low = read(`${created.playlist_url}?client_id=low`, { variant: 1 });
  await low.waitForPlayed(3);
  const { bytes, ...report } = low.report();
  expect(report).toMatchObject(CLEAN);
  // Segments are a second long.
  expect((bytes * 8) / report.segments).toBeLessThan(730_400);
  // What has gone out says what the arguments leave open.
  const known = await (await get(created.playlist_url)).text();
  expect(known).toMatch(
    /BANDWIDTH=\d+,[^\n]*CODECS="avc1\.[0-9a-f]{6}[^\n]*RESOLUTION=160x90[^\n]*\nvariant\/1\//,
  );
  expect((await shown(created.stream_id)).clients.map(({ client_id }) => client_id)).toContain('low');
  const player = new Player(`${stage.server.url}/stream/${created.stream_id}`);
  await player.waitForPicture();
  await player.close();
  await get(`/streams/${created.stream_id}`, { method: 'DELETE' });
  for (const { stream_id } of created.variants) expect((await get(`/streams/${stream_id}`)).status).toBe(404);
});

test.concurrent('a playlist that nobody could know for one by its address is found out', async () => {
  stage.provider.route('/live/', (exchange, rest) =>
    exchange.reply(302, '', { location: stage.provider.url(`/found/${rest || 'index.m3u8'}`) }),
  );
  stage.provider.hls('/found/', stage.sample, { window: 4 });
  const { id } = await stage.create('streams', { url: stage.provider.url('/live/') });
  const answer = await get(`/stream/${id}`);
  expect([answer.status, new URL(answer.url).pathname]).toEqual([200, `/hls/${id}/playlist.m3u8`]);
  expect(await answer.text()).toContain('#EXT-X-MEDIA-SEQUENCE');
});

test.concurrent('what each viewer has a connection of its own for is no HLS', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/single.ts') });
  const answer = await get(`/hls/${id}/playlist.m3u8`);
  expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'HLS_NOT_AVAILABLE' }]);
});

import {
  api,
  ffmpegsOf,
  makeSample,
  type ProcessInfo,
  probe,
  refusedUrl,
  waitFor,
} from '@streampool/testkit';
import { COPY, useStage } from './stage.ts';

const SHARED_STREAM_TIMEOUT_MS = 3_000;
const stage = useStage({ env: { SHARED_STREAM_TIMEOUT: `${SHARED_STREAM_TIMEOUT_MS}ms` } });
const ffmpegs = (): ProcessInfo[] => ffmpegsOf(stage.server.pid);
const none = (): Promise<unknown> => waitFor(() => ffmpegs().length === 0, { what: 'no FFmpeg left' });

beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});

test('a hundred first viewers at the same instant share one FFmpeg and one provider connection', async () => {
  const url = stage.provider.url('/live.ts?hundred');
  const stream = await stage.create('transcode', { url, profile: 'default' });
  const players = Array.from({ length: 100 }, () => stage.play(stream.url));
  const pids = new Set<number>();
  await waitFor(() => {
    for (const { pid } of ffmpegs()) pids.add(pid);
    return players.every((player) => player.firstPictureMs !== undefined || player.end);
  });
  expect(players.map((player) => player.end).filter(Boolean)).toEqual([]);
  expect(pids.size).toBe(1);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, max: 1, total: 1 });
  for (const player of players) {
    expect(player.head!.status).toBe(200);
    expect(player.check.firstPicture!.undecodable).toBe(0);
    // PAT and PMT, nothing else, stand before the picture.
    expect(player.check.firstPicture!.packetsBefore).toBeLessThanOrEqual(3);
  }
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expect(players.flatMap((player) => player.check.notes)).toEqual([]);
  const { body } = await api(stage.server, 'GET', `/streams/${stream.id}`);
  expect(body).toMatchObject({ client_count: 100, stream: { state: 'live', ffmpeg_pid: [...pids][0] } });

  await stage.hangUp();
  await none();
  await waitFor(() => stage.provider.stats('/live.ts').current === 0);
});

test('what changes the bytes changes the stream, and nothing else does', async () => {
  const url = stage.provider.url('/live.ts');
  const id = async (body: object): Promise<string> =>
    (await stage.create('transcode', { url, profile: 'default', ...body })).id;
  const plain = await id({});
  expect(await id({ metadata: { name: 'x' } })).toBe(plain);
  const others = await Promise.all([
    id({ profile_variables: { video_bitrate: '1000k' } }),
    id({ profile_variables: { video_bitrate: '1001k' } }),
    id({ headers: { referer: 'http://example.com/' } }),
    id({ url: stage.provider.url('/live.ts?other') }),
    id({ profile: COPY }),
  ]);
  expect(new Set([plain, ...others]).size).toBe(6);
});

test('it runs on for SHARED_STREAM_TIMEOUT: who comes back in time finds the same FFmpeg', async () => {
  const { url } = await stage.create('transcode', { url: stage.provider.url('/live.ts'), profile: COPY });
  const first = stage.play(url);
  await first.waitForPicture();
  const [before] = ffmpegs();
  await first.close();
  const second = stage.play(url);
  await second.waitForPicture();
  expect(ffmpegs()).toMatchObject([{ pid: before!.pid }]);
  await second.close();
  const left = performance.now();
  await none();
  expect(performance.now() - left).toBeGreaterThan(SHARED_STREAM_TIMEOUT_MS - 200);
});

test('DELETE ends the viewers, the FFmpeg and the definition', async () => {
  const { id, url } = await stage.create('transcode', { url: stage.provider.url('/live.ts'), profile: COPY });
  const players = [stage.play(url), stage.play(url)];
  await Promise.all(players.map((player) => player.waitForPicture()));
  const answer = await api(stage.server, 'DELETE', `/streams/${id}`);
  expect(answer).toMatchObject({ status: 200, body: { disconnected_clients: 2 } });
  expect(ffmpegs()).toEqual([]);
  expect(await Promise.all(players.map((player) => player.ended))).toEqual(['fin', 'fin']);
  expect((await api(stage.server, 'GET', `/streams/${id}`)).status).toBe(404);
  expect((await stage.play(url).waitForHead()).status).toBe(404);
});

test('a transcode is what its profile says', async () => {
  stage.provider.live('/large.ts', await makeSample({ size: '1280x960', seconds: 4, gopSeconds: 1 }), {
    start: 'keyframe',
  });
  const source = stage.provider.url('/large.ts');
  const { url } = await stage.create('transcode', { url: source, profile: '720p' });
  const { streams } = await probe(url);
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
    codec_name: 'h264',
    height: 720,
  });
  expect(streams.find(({ codec_type }) => codec_type === 'audio')).toMatchObject({ codec_name: 'aac' });
});

test('the next URL is tried, and named by its index', async () => {
  stage.provider.live('/good.ts', stage.sample, { start: 'keyframe' });
  const stream = await stage.create('transcode', {
    url: await refusedUrl('/primary.ts'),
    failover_urls: [stage.provider.url('/missing.ts'), stage.provider.url('/good.ts')],
    profile: COPY,
  });
  const player = stage.play(stream.url);
  await player.waitForPicture();
  const { body } = await api(stage.server, 'GET', `/streams/${stream.id}`);
  expect(body).toMatchObject({ stream: { current_failover_index: 2 } });
});

describe('every kind of source', () => {
  const play = async (path: string): Promise<void> => {
    const url = stage.provider.url(path);
    const stream = await stage.create('transcode', { url, profile: 'lowlatency' });
    const player = stage.play(stream.url);
    await player.waitForMedia(1);
    expect(player.check.notes).toEqual([]);
    expect(player.check.firstPicture!.undecodable).toBe(0);
  };

  test.each(['hevc', 'mpeg2'] as const)('live %s', async (codec) => {
    const sample = await makeSample({ codec, seconds: 4, gopSeconds: 1 });
    stage.provider.live(`/${codec}.ts`, sample, { start: 'live' });
    await play(`/${codec}.ts`);
  });

  test('live, joined in the middle of a packet', async () => {
    stage.provider.live('/middle.ts', stage.sample, { start: 'mid-packet' });
    const keep = stage.play(stage.provider.url('/middle.ts'));
    await keep.waitForBytes(50_000);
    await play('/middle.ts');
  });

  test.each(['mp4', 'matroska'] as const)('a file: %s', async (container) => {
    const movie = await makeSample({ container, seconds: 20, gopSeconds: 1 });
    stage.provider.file(`/movie.${container}`, movie.path);
    await play(`/movie.${container}`);
  });

  test('HLS', async () => {
    stage.provider.hls('/hls/', stage.sample, { query: 'sig=a%2Fb' });
    await play('/hls/master.m3u8');
  });

  test('encrypted HLS', async () => {
    stage.provider.hls('/secret/', stage.sample, { encryption: 'aes-128', uris: 'absolute' });
    await play('/secret/index.m3u8');
  });
});

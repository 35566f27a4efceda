import { readFileSync } from 'node:fs';
import { makeSample } from '@streampool/testkit';
import { ladderPlaylist, variantPath } from '../../src/hls/ladder.ts';
import { type Seen, SeenMedia } from '../../src/hls/seen-media.ts';
import type { TranscodeApi } from '../../src/index.ts';
import { closeAll, GatewayUnderTest, json } from '../gateway-under-test.ts';

afterEach(closeAll);

const URL_A = 'http://provider.example/live/a.ts';
const PROFILES = ['2M', '800k'];

/** A profile is its bit rate. */
const transcode: TranscodeApi = {
  listProfiles: () => [],
  defaultVariables: () => ({}),
  abilities: () => ({}),
  resolve: ({ profile, variables }) => ({
    ...{ profile, variables, format: 'mpegts', dropped: [] },
    args: ['-i', '{input_url}', '-b:v', profile, '-b:a', '64k', '-f', 'mpegts', 'pipe:1'],
  }),
};
const start = (): Promise<GatewayUnderTest> => GatewayUnderTest.start({}, { transcode });

test('each profile is a stream of its own, and the ladder leads to them', async () => {
  const it = await start();
  const create = (profiles: readonly string[]) => it.send('POST', '/transcode', { url: URL_A, profiles });
  const ladder = await json(create(PROFILES));
  expect(ladder).toMatchObject({
    ...{ stream_type: 'transcoded', format: 'hls', profile: '2M,800k' },
    ...{ playlist_url: `/hls/${ladder.stream_id}/playlist.m3u8`, stream_endpoint: ladder.playlist_url },
    direct_url: `/stream/${ladder.stream_id}`,
    variants: [{ profile: '2M' }, { profile: '800k' }],
  });
  const ids = ladder.variants.map(({ stream_id }: { stream_id: string }) => stream_id);
  expect(new Set([ladder.stream_id, ...ids]).size).toBe(3);
  // The same again, and the same profile alone, are the same streams.
  expect((await json(create(PROFILES))).stream_id).toBe(ladder.stream_id);
  expect(await it.define({ url: URL_A, profiles: ['2M'] }, '/transcode')).toBe(ids[0]);
  expect((await it.state.getDefinition(ladder.stream_id))?.variants).toMatchObject([
    { streamId: ids[0], name: '2M', bandwidth: 3_370_400, averageBandwidth: 2_270_400 },
    { streamId: ids[1], name: '800k', bandwidth: 1_390_400, averageBandwidth: 950_400 },
  ]);
});

test('profiles that come to the same stream are one quality', async () => {
  const it = await start();
  const profiles = ['2M', '800k', '2M'];
  const ladder = await json(it.send('POST', '/transcode', { url: URL_A, profiles }));
  expect(ladder.variants.map(({ profile }: { profile: string }) => profile)).toEqual(['2M', '800k']);
  expect((await it.state.getDefinition(ladder.stream_id))?.variants).toHaveLength(2);
});

test('with a ladder go the streams that nobody wanted otherwise', async () => {
  const it = await start();
  const ladder = await json(it.send('POST', '/transcode', { url: URL_A, profiles: PROFILES }));
  const [wanted, other] = ladder.variants.map(({ stream_id }: { stream_id: string }) => stream_id);
  await it.define({ url: URL_A, profile: '2M' }, '/transcode');
  expect((await it.send('DELETE', `/streams/${ladder.stream_id}`)).status).toBe(200);
  expect((await it.get(`/streams/${wanted}`)).status).toBe(200);
  expect((await it.get(`/streams/${other}`)).status).toBe(404);
});

test('a player that cannot choose gets the first', async () => {
  const it = await start();
  const ladder = await json(it.send('POST', '/transcode', { url: URL_A, profiles: PROFILES }));
  const answer = await it.get(ladder.direct_url);
  expect(answer.headers.get('x-stream-id')).toBe(ladder.stream_id);
  expect(it.engine.watched.map(({ spec }) => spec.id)).toEqual([ladder.variants[0].stream_id]);
});

test('the playlist says of variants what is known of them', () => {
  const text = ladderPlaylist([
    {
      streamId: 'a',
      name: '1080p',
      bandwidth: 6_000_000,
      averageBandwidth: 5_000_000,
      resolution: '1920x1080',
    },
    { streamId: 'b', name: 'a "quoted" name', codecs: 'avc1.4d401f,mp4a.40.2', frameRate: 25 },
  ]);
  expect(text.split('\n')).toEqual([
    '#EXTM3U',
    '#EXT-X-VERSION:3',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    '#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=5000000,RESOLUTION=1920x1080,NAME="1080p"',
    'variant/0/playlist.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=8000000,CODECS="avc1.4d401f,mp4a.40.2",FRAME-RATE=25.000,NAME="a quoted name"',
    'variant/1/playlist.m3u8',
    '',
  ]);
  expect(variantPath('variant/1/segment/7.ts')).toEqual({ index: 1, rest: 'segment/7.ts' });
  expect(variantPath('variant/x/segment/7.ts')).toBeUndefined();
});

test('what a rung turned out to be is told before what its arguments say, and its peaks are not above its bandwidth', () => {
  const variants = [
    {
      streamId: 'a',
      name: 'a',
      bandwidth: 1_000_000,
      codecs: 'avc1.640028,mp4a.40.2',
      resolution: '1920x1080',
    },
    { streamId: 'b', name: 'b' },
    { streamId: 'c', name: 'c' },
  ];
  const seen: Record<string, Seen> = {
    a: { codecs: 'avc1.4d401f,mp4a.40.2', resolution: '1280x720', peakBits: 1_234_567 },
    b: { resolution: '640x360', peakBits: 900_001 },
  };
  expect(ladderPlaylist(variants, (id) => seen[id]).match(/(?<=STREAM-INF:).*/g)).toEqual([
    'BANDWIDTH=1234567,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=1280x720,NAME="a"',
    'BANDWIDTH=1130000,RESOLUTION=640x360,NAME="b"',
    'BANDWIDTH=8000000,NAME="c"',
  ]);
});

test('segments that can be read tell what a stream is; each is looked into once, however many viewers get it', async () => {
  const segment = readFileSync((await makeSample({ seconds: 4, gopSeconds: 1 })).path);
  const media = new SeenMedia();
  let opened = 0;
  const body = (bytes: Buffer) => ({
    length: bytes.length,
    async *open() {
      opened += 1;
      if (bytes.length === 0) throw new Error('gone');
      yield bytes;
    },
  });
  await media.note('s', '1.ts', body(Buffer.alloc(0)));
  for (let viewers = 0; viewers < 40; viewers++)
    await media.note('s', '2.ts', body(Buffer.from('no stream at all')));
  expect([opened, media.of('s')]).toEqual([2, undefined]);
  await media.note('s', '3.ts', body(segment));
  expect(media.of('s')).toMatchObject({ codecs: expect.stringMatching(/^avc1\.\w{6},mp4a\.40\.2$/) });
  expect(media.of('s')?.resolution).toMatch(/^\d+x\d+$/);
  expect(media.of('s')?.peakBits).toBeGreaterThan(100_000);
  for (let number = 4; number < 40; number++) await media.note('s', `${number}.ts`, body(segment));
  expect(opened).toBe(2 + 8);
});

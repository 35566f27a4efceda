import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  download,
  FakeProvider,
  makeSample,
  Player,
  probe,
  refusedUrl,
  runOk,
  type Sample,
  TsCheck,
  waitFor,
} from '@streampool/testkit';

let sample: Sample;
let provider: FakeProvider;
const players: Player[] = [];
const play = (...args: ConstructorParameters<typeof Player>): Player => {
  const player = new Player(...args);
  players.push(player);
  return player;
};

beforeAll(async () => {
  sample = await makeSample({ seconds: 4, gopSeconds: 1 });
});
beforeEach(async () => {
  provider = await FakeProvider.start();
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await provider.close();
});

describe('live', () => {
  test('goes on at the pace of the clock, and over the end of the sample', async () => {
    provider.live('/live.ts', sample, { start: 'keyframe', speed: 4 });
    const player = play(provider.url('/live.ts'));
    await player.waitForBytes(sample.bytes * 1.5);
    const seconds = performance.now();
    await player.waitForBytes(sample.bytes * 3.5);
    expect((performance.now() - seconds) / 1_000).toBeGreaterThan(1.5);
    expect(player.check.notes).toEqual([]);
    expect(player.check.firstPicture!.undecodable).toBe(0);
    expect(player.head!.headers['transfer-encoding']).toBeUndefined();
  });

  test('a keyframe start is decodable at once, a mid-packet start is not even in sync', async () => {
    provider.live('/key.ts', sample, { start: 'keyframe' });
    provider.live('/mid.ts', sample, { start: 'mid-packet', speed: 4 });
    const first = play(provider.url('/key.ts'));
    await first.waitForPicture();
    expect(first.check).toMatchObject({ syncErrors: 0, firstPicture: { undecodable: 0 } });
    const keep = play(provider.url('/mid.ts'));
    await keep.waitForBytes(50_000);
    const second = play(provider.url('/mid.ts'));
    await second.waitForPicture();
    expect(second.check.syncErrors).toBeGreaterThan(0);
    expect(second.check.firstPicture!.undecodable).toBeGreaterThan(0);
  });

  test('a fresh start is the beginning of the sample for everybody', async () => {
    provider.live('/fresh.ts', sample, { start: 'fresh' });
    const one = play(provider.url('/fresh.ts'));
    await one.waitForPicture();
    const two = play(provider.url('/fresh.ts'));
    await two.waitForPicture();
    expect(two.check.firstPicture).toEqual(one.check.firstPicture);
  });

  test('time stamps tell the age of what arrives', async () => {
    provider.live('/stamped.ts', sample, { stamps: true });
    const begun = process.hrtime.bigint();
    const player = play(provider.url('/stamped.ts'));
    const heard: { readonly sent: bigint; readonly at: bigint }[] = [];
    player.check.onStamp = (sent) => heard.push({ sent, at: process.hrtime.bigint() });
    // Stamped when it is sent, which may be long before it is looked at here: never before it was asked for, nor ahead of its time.
    await waitFor(() => heard.length >= 20 && heard.at(-1)!.sent > heard[0]!.at);
    expect(player.check.notes).toEqual([]);
    for (const { sent, at } of heard) expect([sent > begun, at > sent]).toEqual([true, true]);
  });

  test('time stamps survive a remux', async () => {
    provider.live('/stamped.ts', sample, { stamps: true, start: 'keyframe' });
    // ffmpeg waits for a picture of every stream it finds, and private data never gives one.
    const probing = ['-probesize', '60000'];
    const copy = ['-map', '0', '-copy_unknown', '-c', 'copy', '-t', '1', '-f', 'mpegts', '-'];
    const { stdout } = await runOk('ffmpeg', [
      '-v',
      'error',
      ...probing,
      '-i',
      provider.url('/stamped.ts'),
      ...copy,
    ]);
    const check = new TsCheck();
    let stamps = 0;
    check.onStamp = () => stamps++;
    check.push(stdout);
    expect(stamps).toBeGreaterThan(20);
  });

  test('counts who is there', async () => {
    provider.live(['/a.ts', '/b.ts'], sample);
    const three = [1, 2, 3].map(() => play(provider.url('/a.ts?token=x', 'user:secret')));
    await Promise.all(three.map((player) => player.waitForHead()));
    expect(provider.stats('/a.ts')).toMatchObject({ current: 3, max: 3, total: 3 });
    await three[0]!.close();
    await waitFor(() => provider.stats('/a.ts').current === 2);
    expect(provider.stats('/a.ts')).toMatchObject({ max: 3, total: 3 });
    expect(provider.stats('/b.ts').total).toBe(0);
    expect(provider.stats('/a.ts').requests[0]!.url).toBe('/a.ts?token=x');
  });
});

test('an endless stream has no pace and no end', async () => {
  provider.endless('/fast.ts', sample);
  const player = play(provider.url('/fast.ts'));
  await player.waitForBytes(100e6);
  provider.stall('/fast.ts');
  await waitFor(() => player.longestGapMs > 200);
  provider.stall('/fast.ts', false);
  await player.waitForBytes(player.bytes + 50e6);
  expect(player.check).toMatchObject({ syncErrors: 0, continuityErrors: 0 });
});

describe('files', () => {
  test('whole, in part, and not at all', async () => {
    const file = readFileSync(sample.path);
    provider.file('/movie.ts', sample.path);
    const url = provider.url('/movie.ts');
    const whole = await download(url);
    expect(whole.body.equals(file)).toBe(true);
    expect(whole.head).toMatchObject({
      status: 200,
      headers: { 'accept-ranges': 'bytes', 'content-type': 'video/mp2t' },
    });
    const part = await download(url, { headers: { range: 'bytes=1000-1999' } });
    expect(part.head).toMatchObject({
      status: 206,
      headers: { 'content-range': `bytes 1000-1999/${file.length}` },
    });
    expect(part.body.equals(file.subarray(1000, 2000))).toBe(true);
    const tail = await download(url, { headers: { range: 'bytes=-10' } });
    expect(tail.body.equals(file.subarray(-10))).toBe(true);
    const beyond = await download(url, { headers: { range: `bytes=${file.length}-` } });
    expect(beyond.head).toMatchObject({
      status: 416,
      headers: { 'content-range': `bytes */${file.length}` },
    });
    const head = await download(url, { method: 'HEAD' });
    expect(head.head.headers['content-length']).toBe(`${file.length}`);
    expect(head.body).toHaveLength(0);
  });

  test('a conditional range only of the same entity', async () => {
    provider.file('/movie.ts', sample.path, { etag: '"one"' });
    const ask = (tag: string) =>
      download(provider.url('/movie.ts'), { headers: { range: 'bytes=5-', 'if-range': tag } });
    expect((await ask('"one"')).head.status).toBe(206);
    expect((await ask('"two"')).head.status).toBe(200);
  });

  test('chunked and gzip', async () => {
    provider.file('/chunked.ts', sample.path, { chunked: true });
    provider.file('/gzip.ts', sample.path, { gzip: true });
    const file = readFileSync(sample.path);
    const chunked = await download(provider.url('/chunked.ts'));
    expect(chunked.head.headers['transfer-encoding']).toBe('chunked');
    expect(chunked.body.equals(file)).toBe(true);
    const gzip = await download(provider.url('/gzip.ts'));
    expect(gzip.head.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.body).equals(file)).toBe(true);
  });
});

describe('HLS', () => {
  test.each([
    ['clear', {}],
    ['encrypted, signed, absolute', { encryption: 'aes-128', query: 'sig=a%2Fb', uris: 'absolute' } as const],
  ])('live, %s: ffmpeg plays it', async (_, options) => {
    provider.hls('/hls/', sample, options);
    const copy = ['-t', '3', '-c', 'copy', '-f', 'null', '-'];
    const { stderr } = await runOk('ffmpeg', [
      '-v',
      'error',
      '-i',
      provider.url('/hls/master.m3u8'),
      ...copy,
    ]);
    expect(stderr).toBe('');
    expect(provider.stats('/hls/').requests.map(({ url }) => url)).toContainEqual(
      expect.stringMatching(/segment-\d/),
    );
  });

  test('on demand, it has an end', async () => {
    provider.hls('/vod/', sample, { type: 'vod' });
    const { format } = await probe(provider.url('/vod/index.m3u8'));
    expect(Number(format.duration)).toBeCloseTo(4, 1);
  });
});

describe('faults', () => {
  beforeEach(() => provider.live('/live.ts', sample, { start: 'keyframe', speed: 8 }));
  const url = (): string => provider.url('/live.ts');

  test('status, once', async () => {
    provider.fault(
      '/live.ts',
      { kind: 'status', status: 503, headers: { 'retry-after': '1' } },
      { times: 1 },
    );
    expect((await play(url()).waitForHead()).status).toBe(503);
    expect((await play(url()).waitForHead()).status).toBe(200);
  });

  test('a web page', async () => {
    provider.fault('/live.ts', { kind: 'html' });
    const { head, body } = await download(url());
    expect(head).toMatchObject({ status: 200, headers: { 'content-type': 'text/html' } });
    expect(body.toString()).toContain('<html>');
  });

  test('cut after exactly so many bytes', async () => {
    provider.fault('/live.ts', { kind: 'cut', afterBytes: 100_001, how: 'fin' });
    const player = play(url());
    expect(await player.ended).toBe('fin');
    expect(player.bytes).toBe(100_001);
    provider.clearFaults();
    provider.fault('/live.ts', { kind: 'cut', afterBytes: 1_000, how: 'rst' });
    expect(await play(url()).ended).toBe('reset');
  });

  test('stall after exactly so many bytes', async () => {
    provider.fault('/live.ts', { kind: 'stall', afterBytes: 50_000 });
    const player = play(url());
    await player.waitForBytes(50_000);
    await waitFor(() => player.longestGapMs > 300);
    expect(player.bytes).toBe(50_000);
    expect(player.end).toBeUndefined();
  });

  test('garbage in the middle', async () => {
    provider.fault('/live.ts', { kind: 'garbage', afterBytes: 18_800, bytes: 100 });
    const player = play(url());
    await player.waitForBytes(100_000);
    expect(player.check.syncErrors).toBeGreaterThan(0);
  });

  test('a late head, none, a reset, not HTTP', async () => {
    provider.fault('/live.ts', { kind: 'slow-head', ms: 300 }, { times: 1 });
    const late = play(url());
    await late.waitForBytes(1);
    expect(late.firstByteMs).toBeGreaterThan(290);
    provider.fault('/live.ts', { kind: 'no-head' }, { times: 1 });
    await expect(play(url()).waitForHead(200)).rejects.toThrow('not within');
    provider.fault('/live.ts', { kind: 'reset' }, { times: 1 });
    expect(await play(url()).ended).toBe('reset');
    provider.fault('/live.ts', { kind: 'not-http' }, { times: 1 });
    expect(await play(url()).ended).toBe('fin');
  });

  test('a length that is not true', async () => {
    provider.file('/file.ts', sample.path);
    provider.fault('/file.ts', { kind: 'content-length', bytes: sample.bytes + 10 });
    const { head, end, body } = await download(provider.url('/file.ts'));
    expect(head.headers['content-length']).toBe(`${sample.bytes + 10}`);
    expect([end, body.length]).toEqual(['fin', sample.bytes]);
  });

  test('a connection cut twice in one go is over', async () => {
    provider.live('/live.ts', sample);
    const player = play(provider.url('/live.ts'));
    await player.waitForBytes(188);
    provider.stall('/live.ts');
    provider.cut('/live.ts', 'fin');
    provider.cut('/live.ts', 'rst');
    await player.ended;
    await waitFor(() => provider.stats('/live.ts').current === 0);
  });

  test('running connections: stalled, let go, cut', async () => {
    const player = play(url());
    await player.waitForBytes(10_000);
    provider.stall('/live.ts');
    await waitFor(() => player.longestGapMs > 200);
    player.resetGap();
    provider.stall('/live.ts', false);
    await player.waitForBytes(player.bytes + 10_000);
    expect(provider.cut('/live.ts', 'rst')).toBe(1);
    expect(await player.ended).toBe('reset');
  });

  test('refused, and back on the same port', async () => {
    const player = play(url());
    await player.waitForBytes(1_000);
    await provider.refuse();
    expect(await player.ended).toBe('reset');
    expect(await play(url()).ended).toBe('refused');
    await provider.accept();
    await play(url()).waitForBytes(1_000);
    expect(await play(await refusedUrl()).ended).toBe('refused');
  });
});

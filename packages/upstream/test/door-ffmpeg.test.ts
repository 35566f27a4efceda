import { readFile } from 'node:fs/promises';
import type { StreampoolError } from '@streampool/errors';
import { FakeProvider, makeSample, probe, run } from '@streampool/testkit';
import { Door, HttpUpstreamClient } from '../src/index.ts';
import { until } from './collect.ts';

// What the door is for: the real FFmpeg reads through it whatever a provider serves.

let provider: FakeProvider;
let door: Door;
const client = new HttpUpstreamClient();

beforeAll(async () => {
  provider = await FakeProvider.start();
  door = await Door.listen({ client, timeouts: { connectMs: 5_000, firstByteMs: 5_000, stallMs: 5_000 } });
});
afterAll(async () => {
  await door.close();
  await provider.close();
  expect(client.stats().openConnections).toBe(0);
});

const codecs = async (url: string) => (await probe(url)).streams.map((stream) => stream.codec_name).sort();

function open(path: string, headers: Record<string, string> = {}) {
  const errors: StreampoolError[] = [];
  const opening = door.open({ url: provider.url(path), headers }, { onError: (error) => errors.push(error) });
  return Object.assign(opening, { errors });
}

test('files, including those with their index at the end', async () => {
  const sample = await makeSample({ container: 'mp4', seconds: 4, extra: ['-movflags', '0'] });
  const film = await makeSample({ container: 'matroska', seconds: 4 });
  provider.file('/a.mp4', sample.path);
  provider.file('/movie/u/p/5', film.path);
  for (const path of ['/a.mp4', '/movie/u/p/5']) {
    const opening = open(path);
    const { format, streams } = await probe(opening.url);
    expect(Number(format.duration)).toBeCloseTo(4, 0);
    expect(streams).toHaveLength(2);
    // Seeking near the end reads the end, not the whole.
    const { code, stderr } = await run('ffmpeg', [
      '-v',
      'error',
      '-ss',
      '3',
      '-i',
      opening.url,
      '-f',
      'null',
      '-',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(opening.errors).toEqual([]);
    await opening.close();
  }
});

test.each([
  ['plain', { type: 'vod' }],
  ['encrypted, with signed URLs', { type: 'vod', encryption: 'aes-128', query: 'token=a%2Fb' }],
  ['absolute and compressed', { type: 'vod', uris: 'absolute', gzip: true }],
] as const)('HLS, %s', async (what, options) => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  const directory = `/${what.replace(/\W/g, '')}/`;
  provider.hls(directory, sample, options);
  for (const name of ['master.m3u8', 'index.m3u8']) {
    const opening = open(directory + name);
    const seen: string[] = [];
    const { code, stderr } = await run('ffmpeg', [
      '-v',
      'info',
      '-i',
      opening.url,
      '-c',
      'copy',
      '-f',
      'null',
      '-',
    ]);
    expect(stderr).toMatch(/time=00:00:0[56]/);
    expect(code).toBe(0);
    for (const [, url] of stderr.matchAll(/'(?:crypto\+)?(http[^']+)'/g)) seen.push(new URL(url!).host);
    expect(new Set(seen)).toEqual(new Set([new URL(opening.url).host]));
    expect(opening.errors).toEqual([]);
    await opening.close();
  }
});

test('live HLS, read until the opening is closed', async () => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  provider.hls('/livehls/', sample);
  const opening = open('/livehls/master.m3u8');
  const reading = run('ffmpeg', ['-v', 'error', '-i', opening.url, '-c', 'copy', '-f', 'null', '-'], {
    timeoutMs: 20_000,
  });
  await until(() => opening.stats.requests >= 6, 'playlists and segments are read', 15_000);
  expect(opening.errors).toEqual([]);
  await opening.close();
  await reading;
  expect(client.stats().openConnections).toBe(0);
});

test('a playlist behind a URL without an extension', async () => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  provider.hls('/bare/', sample, { type: 'vod', uris: 'absolute' });
  provider.redirect('/channel', '/bare/index.m3u8');
  const opening = open('/channel?id=1');
  expect(await codecs(opening.url)).toEqual(['aac', 'h264']);
  await opening.close();
});

test('a missing segment is reported as what it is', async () => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  provider.hls('/holes/', sample, { type: 'vod' });
  provider.fault('/holes/segment-1.ts', { kind: 'status', status: 404 });
  const opening = open('/holes/index.m3u8');
  await run('ffmpeg', ['-v', 'error', '-i', opening.url, '-c', 'copy', '-f', 'null', '-']);
  expect(opening.errors.map(({ code, info }) => [code, info.role, info.upstreamStatus])).toContainEqual([
    'UPSTREAM_STATUS',
    'segment',
    404,
  ]);
  await opening.close();
});

test('a live transport stream pushed through a feed', async () => {
  const sample = await makeSample({ seconds: 4 });
  const bytes = await readFile(sample.path);
  const feed = door.openFeed();
  expect(feed.write(bytes)).toBe(true);
  feed.end();
  expect(await codecs(feed.url)).toEqual(['aac', 'h264']);
  await feed.close();
});

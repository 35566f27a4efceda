import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeErrors,
  FakeProvider,
  isAlive,
  makeSample,
  Player,
  probe,
  type Sample,
  sendSignal,
  waitFor,
} from '@streampool/testkit';
import type { EngineSettings } from '../src/index.ts';
import { EngineHost } from './engine-host.ts';

let sample: Sample;
let provider: FakeProvider;
let host: EngineHost;
const players: Player[] = [];
const files: string[] = [];

beforeAll(async () => {
  sample = await makeSample({ seconds: 6, gopSeconds: 1 });
});

beforeEach(async () => {
  provider = await FakeProvider.start();
  provider.live('/live.ts', sample, { start: 'live' });
});

afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await host?.close();
  await provider.close();
  for (const file of files.splice(0)) rmSync(file, { force: true });
});

async function setup(settings: Partial<EngineSettings> = {}): Promise<void> {
  host = await EngineHost.start({
    sharedStreamTimeoutMs: 300,
    stallTimeoutMs: 3_000,
    streamTimeoutMs: 15_000,
    ...settings,
  });
}

function play(url: string, options = {}): Player {
  const player = new Player(url, options);
  players.push(player);
  return player;
}

async function expectDecodes(player: Player): Promise<void> {
  const { syncErrors, continuityErrors, timestampErrors, notes } = player.check;
  expect({ syncErrors, continuityErrors, timestampErrors, notes }).toEqual({
    syncErrors: 0,
    continuityErrors: 0,
    timestampErrors: 0,
    notes: [],
  });
  const file = player.saveRecording(join(tmpdir(), `streampool-${process.pid}-${files.length}.ts`));
  files.push(file);
  const probed = await probe(file);
  expect(probed.streams.map((stream) => stream.codec_type).sort()).toEqual(['audio', 'video']);
  expect(await decodeErrors(file)).toEqual([]);
}

function pid(): number {
  return host.engine.pools()[0]?.pid ?? 0;
}

test('a hundred first viewers start one FFmpeg on one connection', async () => {
  await setup();
  const url = host.add({ kind: 'transcode', url: provider.url('/live.ts') });
  const viewers = Array.from({ length: 100 }, (_, i) => play(url, { record: i === 0 }));
  await Promise.all(viewers.map((viewer) => viewer.waitForPicture()));
  await viewers[0]!.waitForBytes(150_000);
  for (const viewer of viewers)
    expect(viewer.check.firstPicture).toMatchObject({ packetsBefore: 2, undecodable: 0 });
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 1 });
  expect(host.engine.pools()).toMatchObject([
    { kind: 'transcode', state: 'live', viewers: 100, restarts: 0 },
  ]);
  await waitFor(() => (host.engine.pools()[0]?.speed ?? 0) > 0);
  await expectDecodes(viewers[0]!);
  const ffmpeg = pid();
  expect(isAlive(ffmpeg)).toBe(true);
  await host.engine.stop('stream-0');
  expect(isAlive(ffmpeg)).toBe(false);
  await waitFor(() => provider.stats('/live.ts').current === 0);
});

test('a killed FFmpeg is replaced at once; the provider is not asked again', async () => {
  await setup();
  const url = host.add({ kind: 'transcode', url: provider.url('/live.ts') });
  const viewer = play(url, { record: true });
  await viewer.waitForBytes(100_000);
  const first = pid();
  sendSignal(first, 'SIGKILL');
  await waitFor(() => host.events.some((event) => event.event === 'source_switched'));
  await viewer.waitForBytes(viewer.bytes + 150_000);
  expect(pid()).not.toBe(first);
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 1 });
  expect(host.engine.pools()[0]).toMatchObject({ state: 'live', restarts: 1 });
  await expectDecodes(viewer);
});

test('a stopped FFmpeg is replaced after the stream timeout', async () => {
  await setup({ streamTimeoutMs: 4_000 });
  const url = host.add({ kind: 'transcode', url: provider.url('/live.ts') });
  const viewer = play(url, { record: true });
  await viewer.waitForBytes(60_000);
  const first = pid();
  process.kill(first, 'SIGSTOP');
  await waitFor(() => host.events.some((event) => event.event === 'source_switched'));
  await viewer.waitForBytes(viewer.bytes + 60_000);
  expect(isAlive(first)).toBe(false);
  await expectDecodes(viewer);
});

test('a cut provider is replaced behind the back of FFmpeg', async () => {
  await setup();
  const url = host.add({ kind: 'transcode', url: provider.url('/live.ts') });
  const viewer = play(url, { record: true });
  await viewer.waitForBytes(60_000);
  const ffmpeg = pid();
  provider.cut('/live.ts');
  await waitFor(() => host.events.some((event) => event.event === 'source_switched'));
  await viewer.waitForBytes(viewer.bytes + 150_000);
  expect(pid()).toBe(ffmpeg);
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 2 });
  await expectDecodes(viewer);
});

test('a file is played in real time through the door and ends properly', async () => {
  await setup();
  const file = await makeSample({ seconds: 12, gopSeconds: 1, container: 'mp4' });
  provider.file('/film.mp4', file.path);
  const viewer = play(host.add({ kind: 'transcode', url: provider.url('/film.mp4') }), { record: true });
  await viewer.waitForPicture();
  const began = performance.now();
  expect(await viewer.ended).toBe('fin');
  expect(performance.now() - began).toBeGreaterThan(3_000);
  expect(host.states.at(-1)).toBe('stopped');
  expect(provider.stats('/film.mp4').max).toBe(1);
  await expectDecodes(viewer);
});

test('a live playlist is played', async () => {
  await setup();
  provider.hls('/hls/', sample);
  const viewer = play(host.add({ kind: 'transcode', url: provider.url('/hls/index.m3u8') }), {
    record: true,
  });
  await viewer.waitForBytes(200_000);
  await expectDecodes(viewer);
});

test.each([
  ['/missing.ts', 502, 'UPSTREAM_STATUS'],
  ['/noise.ts', 502, 'FFMPEG_FAILED'],
])('%s is an error with its reason', async (path, status, code) => {
  await setup();
  provider.route('/noise.ts', (exchange) =>
    exchange.reply(200, Buffer.alloc(300_000, 0x11), { 'content-type': 'video/mp4' }),
  );
  const viewer = play(host.add({ kind: 'transcode', url: provider.url(path) }), {
    record: true,
    check: false,
  });
  expect((await viewer.waitForHead()).status).toBe(status);
  await viewer.ended;
  expect(JSON.parse(viewer.recording.toString())).toMatchObject({ code });
});

test('stopping during the first opening does not wait for the provider, nor ask the next one', async () => {
  await setup();
  provider.live('/backup.ts', sample, { start: 'live' });
  provider.fault('/live.ts', { kind: 'no-head' });
  const viewer = play(
    host.add({
      kind: 'transcode',
      url: provider.url('/live.ts'),
      failoverUrls: [provider.url('/backup.ts')],
    }),
    { check: false },
  );
  await waitFor(() => provider.stats('/live.ts').current === 1);
  const began = performance.now();
  await host.engine.stop('stream-0');
  // The provider would be waited for as long as a stream may take to start: 15 s.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect((await viewer.waitForHead()).status).toBe(503);
  await waitFor(() => provider.stats('/live.ts').current === 0);
  expect(provider.stats('/backup.ts').total).toBe(0);
});

test('an input that FFmpeg cannot read makes way for the next URL', async () => {
  await setup();
  provider.route('/noise.ts', (exchange) =>
    exchange.reply(200, Buffer.alloc(300_000, 0x11), { 'content-type': 'video/mp4' }),
  );
  const url = host.add({
    kind: 'transcode',
    url: provider.url('/noise.ts'),
    failoverUrls: [provider.url('/live.ts')],
  });
  await play(url).waitForPicture();
  expect(host.engine.pools()[0]).toMatchObject({ state: 'live', failoverIndex: 1 });
});

test('an FFmpeg that is lost again and again is given up after the attempts that were set', async () => {
  await setup({ maxAttempts: 2 });
  const viewer = play(host.add({ kind: 'transcode', url: provider.url('/live.ts') }));
  await viewer.waitForBytes(30_000);
  const first = pid();
  sendSignal(first, 'SIGKILL');
  let second = 0;
  await waitFor(() => {
    second = pid();
    return second !== first && second !== 0;
  });
  sendSignal(second, 'SIGKILL');
  expect(await viewer.ended).toBe('fin');
  expect(host.states.at(-1)).toBe('failed');
});

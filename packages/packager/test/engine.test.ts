import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENGINE_SETTINGS, StreamEngine, type StreamSpec } from '@streampool/streaming';
import { decodeErrors, FakeProvider, makeSample, Player, waitFor } from '@streampool/testkit';
import { Door, HttpUpstreamClient } from '@streampool/upstream';
import { pino } from 'pino';
import { DEFAULT_PACKAGER_SETTINGS, Packager, SegmentStorage } from '../src/index.ts';
import { type ReadPlaylist, readPlaylist } from './media-playlist.ts';

const log = pino({ level: 'silent' });
const REMUX = [
  ...['-fflags', '+genpts', '-analyzeduration', '1000000', '-fpsprobesize', '0'],
  ...['-i', '{input_url}', '-map', '0', '-c', 'copy'],
  ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1', '-f', 'mpegts', 'pipe:1'],
];

let provider: FakeProvider;
let engine: StreamEngine;
let door: Door;
let server: Server;
let spec: StreamSpec;
let storage: SegmentStorage;

beforeEach(async () => {
  provider = await FakeProvider.start();
  const sample = await makeSample({ seconds: 6, gopSeconds: 1 });
  provider.live('/live.ts', sample, { start: 'keyframe' });
  provider.live('/other.ts', await makeSample({ seconds: 6, gopSeconds: 1, size: '256x144' }), {
    start: 'keyframe',
  });
  const client = new HttpUpstreamClient();
  door = await Door.listen({ client, timeouts: { connectMs: 5_000, firstByteMs: 5_000, stallMs: 8_000 } });
  engine = new StreamEngine({
    settings: {
      ...DEFAULT_ENGINE_SETTINGS,
      deliveryIntervalMs: 50,
      sharedStreamTimeoutMs: 200,
      stallTimeoutMs: 5_000,
    },
    client,
    door,
    log,
  });
  spec = {
    id: 'stream',
    kind: 'shared',
    target: { url: provider.url('/live.ts'), headers: {} },
    failoverUrls: [],
    contentType: 'video/mp2t',
  };
  server = createServer((req, res) => {
    const viewer = { clientId: 'player', ip: '127.0.0.1', userAgent: 'test', requestId: '1', req, res };
    engine.watch(spec, viewer).catch(() => res.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  storage = new SegmentStorage({ memoryBudgetBytes: 2 ** 26, streamBudgetBytes: 2 ** 26, log });
});

afterEach(async () => {
  await engine.close();
  await door.close();
  server.closeAllConnections();
  server.close();
  await provider.close();
});

function pack(): Packager {
  const settings = { ...DEFAULT_PACKAGER_SETTINGS, segmentMs: 1_000 };
  return new Packager({ streamId: spec.id, tap: (sink) => engine.tap(spec, sink), settings, storage, log });
}

async function playlistOf(packager: Packager, query = ''): Promise<ReadPlaylist> {
  const request = { path: 'playlist.m3u8', query: new URLSearchParams(query) };
  const { body } = await packager.answer(request, AbortSignal.timeout(30_000));
  return readPlaylist((body as Buffer).toString());
}

/** What ffmpeg complains of in everything that the playlist names. */
async function complaints(packager: Packager): Promise<string[]> {
  const { segments } = await playlistOf(packager);
  const bodies = await Promise.all(
    segments.map(async ({ uri }) => {
      const answer = await packager.answer(
        { path: uri, query: new URLSearchParams() },
        AbortSignal.timeout(20_000),
      );
      return answer.body as Buffer;
    }),
  );
  const directory = mkdtempSync(join(tmpdir(), 'packager-'));
  const path = join(directory, 'all.ts');
  writeFileSync(path, Buffer.concat(bodies));
  try {
    return await decodeErrors(path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

test('players of both kinds share one provider connection, and go on with another source', async () => {
  spec = { ...spec, failoverUrls: [provider.url('/other.ts')] };
  const player = new Player(url());
  await player.waitForPicture();
  await waitFor(async () => (engine.pools()[0]?.bytesIn ?? 0) > 100_000);
  const packager = pack();
  await playlistOf(packager);
  expect(provider.stats('/live.ts')).toMatchObject({ max: 1, total: 1 });
  expect(engine.pools()).toMatchObject([{ viewers: 1, state: 'live' }]);
  provider.fault('/live.ts', { kind: 'status', status: 503 });
  provider.cut('/live.ts');
  let list: ReadPlaylist;
  await waitFor(async () => {
    list = await playlistOf(packager);
    const at = list.segments.findIndex(({ discontinuity }) => discontinuity);
    return at > 0 && list.segments.length > at + 1;
  });
  expect(await complaints(packager)).toEqual([]);
  for (const { duration } of list!.segments) expect(Math.round(duration)).toBeLessThanOrEqual(list!.target);
  expect(player.check).toMatchObject({ continuityErrors: 0, syncErrors: 0, notes: [] });
  await player.close();
  await packager.close();
  await waitFor(() => engine.pools().length === 0);
});

test('one FFmpeg serves players of both kinds, and a late one begins with what is there', async () => {
  spec = { ...spec, kind: 'transcode', ffmpegArgs: REMUX };
  const first = pack();
  await waitFor(async () => (await playlistOf(first)).segments.length >= 3);
  const player = new Player(url());
  await player.waitForPicture();
  const { pid, restarts } = engine.pools()[0]!;
  expect(pid).toBeGreaterThan(0);
  expect(restarts).toBe(0);
  await first.close();
  // The source sends nothing now.
  provider.stall('/live.ts');
  const late = pack();
  const list = await playlistOf(late, 'll=1');
  expect(provider.stats('/live.ts').total).toBe(1);
  expect(list.segments.length).toBeGreaterThanOrEqual(2);
  expect(engine.pools()[0]).toMatchObject({ pid, restarts: 0 });
  expect(await complaints(late)).toEqual([]);
  await player.close();
  await late.close();
});

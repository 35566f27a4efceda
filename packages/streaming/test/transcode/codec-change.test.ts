import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, FakeProvider, makeSample, Player, probe, waitFor } from '@streampool/testkit';
import { EngineHost } from '../engine-host.ts';

/** Really encodes, so that viewers get the same codecs from whatever comes in. */
const ENCODE = [
  ...['-fflags', '+genpts', '-analyzeduration', '1000000', '-fpsprobesize', '0', '-i', '{input_url}'],
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-c:a', 'aac'],
  ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1', '-f', 'mpegts', 'pipe:1'],
];
const SIZE = { seconds: 6, gopSeconds: 1, size: '320x180', videoKbps: 200 } as const;

const STREAM_TIMEOUT_MS = 15_000;

let provider: FakeProvider;
let host: EngineHost;
let player: Player;
const file = join(tmpdir(), `streampool-codec-change-${process.pid}.ts`);

beforeAll(async () => {
  provider = await FakeProvider.start();
  const [avc, hevc] = await Promise.all([
    makeSample({ ...SIZE, codec: 'h264', audio: [{ codec: 'aac' }] }),
    makeSample({ ...SIZE, codec: 'hevc', audio: [{ codec: 'ac3' }] }),
  ]);
  provider.live('/avc.ts', avc, { start: 'live' });
  provider.live('/hevc.ts', hevc, { start: 'live' });
  provider.live('/avc-too.ts', avc, { start: 'live' });
});

beforeEach(async () => {
  host = await EngineHost.start({ sharedStreamTimeoutMs: 300, streamTimeoutMs: STREAM_TIMEOUT_MS });
});

afterEach(async () => {
  await player?.close();
  await host.close();
  rmSync(file, { force: true });
});

afterAll(async () => {
  await provider.close();
});

const pid = (): number => host.engine.pools()[0]?.pid ?? 0;

function play(...paths: [string, string]): Player {
  const [url, backup] = paths.map((path) => provider.url(path)) as [string, string];
  player = new Player(host.add({ kind: 'transcode', url, failoverUrls: [backup], ffmpegArgs: ENCODE }), {
    record: true,
  });
  return player;
}

test('where the codecs change FFmpeg is replaced, and viewers go on with picture and sound', async () => {
  const viewer = play('/avc.ts', '/hevc.ts');
  await viewer.waitForPicture();
  const first = pid();
  await host.engine.failover('stream-0', { index: 1 });
  viewer.resetGap();
  await waitFor(() => pid() !== first && pid() !== 0, { what: 'another FFmpeg' });
  await viewer.waitForBytes(viewer.bytes + 150_000);
  // FFmpeg is started at once, not when its silence is noticed.
  expect(viewer.longestGapMs).toBeLessThan(STREAM_TIMEOUT_MS);
  expect(host.events).toContainEqual(
    expect.objectContaining({ reason: 'TRACKS_CHANGED', event: 'source_switched' }),
  );
  const { continuityErrors, syncErrors, timestampErrors } = viewer.check;
  expect({ continuityErrors, syncErrors, timestampErrors }).toEqual({
    ...{ continuityErrors: 0, syncErrors: 0, timestampErrors: 0 },
  });
  await viewer.close();
  viewer.saveRecording(file);
  expect((await probe(file)).streams.map(({ codec_name }) => codec_name).sort()).toEqual(['aac', 'h264']);
  expect(await decodeErrors(file)).toEqual([]);
});

test('where they are the same FFmpeg reads on', async () => {
  const viewer = play('/avc.ts', '/avc-too.ts');
  await viewer.waitForPicture();
  const first = pid();
  await host.engine.failover('stream-0', { index: 1 });
  await viewer.waitForBytes(viewer.bytes + 100_000);
  expect(pid()).toBe(first);
});

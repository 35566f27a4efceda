import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeErrors, FakeProvider, makeSample, probePackets } from '@streampool/testkit';
import { keyframeDistances, transcode } from './transcoding.ts';

// Whatever a provider sends must come out as a stream that players can follow.
let provider: FakeProvider;
const folder = mkdtempSync(join(tmpdir(), 'sources-test-'));
beforeAll(async () => {
  provider = await FakeProvider.start();
});
afterAll(async () => {
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

test('sound alone, with every profile that can make sense of it', async () => {
  const radio = await makeSample({ codec: 'audio', seconds: 4 });
  provider.file('/radio', radio.path, { ranges: false });
  for (const profile of ['default', 'audio']) {
    const out = await transcode({ profile }, provider.url('/radio'), 'mpegts');
    expect([out.video, out.audio.length]).toEqual([undefined, 1]);
    expect(out.check.clean).toBe(true);
  }
});

test('a picture without sound; and the profile that wants sound says what is missing', async () => {
  const silent = await makeSample({ seconds: 4, audio: [] });
  provider.file('/silent', silent.path, { ranges: false });
  const out = await transcode({ profile: 'default' }, provider.url('/silent'), 'mpegts');
  expect([out.video?.codec_name, out.audio.length]).toEqual(['h264', 0]);
  await expect(transcode({ profile: 'audio' }, provider.url('/silent'), 'mpegts')).rejects.toMatchObject({
    code: 'FFMPEG_FAILED',
    message: 'the source has no stream that this profile can use',
  });
});

test('an announced sound track that never comes does not keep the others from starting', async () => {
  const sample = await makeSample({ seconds: 5, audio: [{}, { codec: 'mp2' }] });
  const dead = join(folder, 'dead.ts');
  writeFileSync(dead, withoutPid(readFileSync(sample.path), 258));
  provider.file('/dead', dead, { ranges: false });
  const out = await transcode({ profile: 'low_quality' }, provider.url('/dead'), 'mpegts');
  expect([out.video?.codec_name, out.audio.length]).toEqual(['h264', 1]);
  expect(await probePackets(out.path)).toHaveLength(125);
});

test.each([
  ['mpeg2', 25],
  ['hevc', 50],
  ['h264', 30],
] as const)('%s at %i pictures a second keeps its rate', async (codec, fps) => {
  const sample = await makeSample({ codec, fps, seconds: 4, audio: [{ codec: 'ac3' }] });
  provider.file(`/${codec}`, sample.path, { ranges: false });
  const out = await transcode({ profile: 'low_quality' }, provider.url(`/${codec}`), 'mpegts');
  expect(await probePackets(out.path)).toHaveLength(4 * fps);
  expect(out.check.clean).toBe(true);
});

test('a film in MP4 or Matroska, whose subtitles are left out', async () => {
  for (const container of ['mp4', 'matroska'] as const) {
    const film = await makeSample({ container, seconds: 4 });
    provider.file(`/film.${container}`, film.path);
    const out = await transcode({ profile: 'low_quality' }, provider.url(`/film.${container}`), 'other');
    expect([out.video?.codec_name, out.audio.length]).toEqual(['h264', 1]);
    expect(await decodeErrors(out.path)).toEqual([]);
  }
});

test('HLS, also encrypted', async () => {
  const sample = await makeSample({ seconds: 6 });
  provider.hls('/hls/', sample, { type: 'vod' });
  provider.hls('/aes/', sample, { type: 'vod', encryption: 'aes-128' });
  for (const path of ['/hls/master.m3u8', '/aes/index.m3u8']) {
    const out = await transcode({ profile: 'low_quality' }, provider.url(path), 'other');
    expect(await probePackets(out.path)).toHaveLength(150);
    expect(await decodeErrors(out.path)).toEqual([]);
  }
});

test('a playlist cannot make FFmpeg read a file of this machine', async () => {
  const secret = join(folder, 'secret.ts');
  writeFileSync(secret, readFileSync((await makeSample({ seconds: 4 })).path));
  provider.route('/evil.m3u8', (exchange) => {
    exchange.reply(200, `#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://${secret}\n#EXT-X-ENDLIST\n`);
  });
  await expect(transcode({ profile: 'default' }, provider.url('/evil.m3u8'), 'other')).rejects.toMatchObject({
    code: 'FFMPEG_FAILED',
  });
});

test('a loop whose timestamps jump back goes on as one timeline', async () => {
  const sample = await makeSample({ seconds: 12, size: '160x90', gopSeconds: 2 });
  const once = readFileSync(sample.path);
  const loop = join(folder, 'loop.ts');
  writeFileSync(loop, Buffer.concat([once, once, once]));
  provider.file('/loop', loop, { ranges: false });
  for (const profile of ['low_quality', '-i {input_url} -c copy']) {
    const out = await transcode({ profile }, provider.url('/loop'), 'mpegts');
    const packets = await probePackets(out.path);
    // Nothing is lost but what the seam itself costs, and time never stands still or leaps.
    expect(packets.length).toBeGreaterThan(3 * 300 - 15);
    const steps = packets.slice(1).map(({ dts }, at) => dts - packets[at]!.dts);
    expect(Math.min(...steps)).toBeGreaterThan(0);
    expect(Math.max(...steps)).toBeLessThan(0.5);
    expect(out.check.syncErrors + out.check.continuityErrors).toBe(0);
  }
});

test('a leap of the timeline does not make every following picture a keyframe', async () => {
  const sample = await makeSample({ seconds: 12, size: '160x90', gopSeconds: 2 });
  const bytes = readFileSync(sample.path);
  const packets = bytes.length / 188;
  // A loss of several seconds.
  const gap = Buffer.concat([
    bytes.subarray(0, Math.floor(packets * 0.3) * 188),
    bytes.subarray(Math.floor(packets * 0.7) * 188),
  ]);
  const path = join(folder, 'gap.ts');
  writeFileSync(path, gap);
  provider.file('/gap', path, { ranges: false });
  const out = await transcode({ profile: 'low_quality' }, provider.url('/gap'), 'mpegts');
  const distances = await keyframeDistances(out.path);
  // The first two are closer together on purpose.
  expect(Math.min(...distances.slice(0, 2))).toBeGreaterThan(0.9);
  expect(Math.min(...distances.slice(2, -1))).toBeGreaterThan(1.9);
});

/** Leaves out the packets of a PID that the program map goes on announcing. */
function withoutPid(bytes: Buffer, pid: number): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 188) {
    if ((bytes.readUInt16BE(at + 1) & 0x1fff) !== pid) kept.push(bytes.subarray(at, at + 188));
  }
  return Buffer.concat(kept);
}

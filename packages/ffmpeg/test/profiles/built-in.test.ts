import { readFileSync, writeFileSync } from 'node:fs';
import { decodeErrors, FakeProvider, makeSample, probePackets, type Sample } from '@streampool/testkit';
import { listProfiles } from '../../src/index.ts';
import { keyframeDistances, transcode } from './transcoding.ts';

// The real FFmpeg, on small pictures: what matters is the shape of the output, not its beauty.
let provider: FakeProvider;
let tv: Sample;
/** What the profiles put out, for a second look. */
const outputs = new Map<string, string>();

beforeAll(async () => {
  provider = await FakeProvider.start();
  tv = await makeSample({
    seconds: 5,
    size: '256x400',
    gopSeconds: 1,
    audio: [{ language: 'deu' }, { codec: 'mp2', language: 'eng' }],
  });
  provider.file('/tv', tv.path, { ranges: false });
});
afterAll(() => provider.close());

const wanted: Record<string, { codec: string | undefined; height?: number; startsAfter?: number }> = {
  default: { codec: 'h264', height: 400 },
  hq: { codec: 'h264', height: 400 },
  lowlatency: { codec: 'h264', height: 400 },
  '720p': { codec: 'h264', height: 400 },
  '1080p': { codec: 'h264', height: 400 },
  hevc: { codec: 'hevc', height: 400 },
  audio: { codec: undefined },
  low_quality: { codec: 'h264', height: 360 },
};

test('these are the profiles there are', () => {
  expect(listProfiles().map(({ name }) => name)).toEqual(Object.keys(wanted));
  expect(
    listProfiles().every(({ description, template }) => description && template.includes('-i {input_url}')),
  ).toBe(true);
});

test.each(Object.entries(wanted))('%s of a television channel', async (profile, { codec, height }) => {
  const out = await transcode({ profile }, provider.url('/tv'), 'mpegts');
  outputs.set(profile, out.path);
  expect(out.video?.codec_name).toBe(codec);
  expect(out.video?.height).toBe(height);
  expect(out.audio.map(({ codec_name }) => codec_name)).toEqual(['aac', 'aac']);
  expect(out.audio.map(({ tags }) => tags?.language)).toEqual(['deu', 'eng']);
  expect(out.check).toMatchObject({ clean: true, discontinuities: 0 });
  expect(Number(out.probe.format.duration)).toBeCloseTo(5, 0);
  expect(await decodeErrors(out.path)).toEqual([]);
  if (codec === undefined) return;
  // Marked with random_access_indicator, or the check would not have taken it for a picture.
  expect(out.check.firstPicture).toMatchObject({ undecodable: 0 });
  const distances = await keyframeDistances(out.path);
  expect(distances).toHaveLength(3);
  expect(distances.slice(0, -1).map((distance) => Math.round(distance * 100) / 100)).toEqual([1, 2]);
  // The clock begins where there is room for reordered pictures, and all pictures have come out.
  const packets = await probePackets(out.path);
  expect(packets).toHaveLength(125);
  expect(Math.min(...packets.map(({ dts }) => dts))).toBeGreaterThan(0.9);
});

test('a keyframe is a place to start: what follows the second one decodes without what came before', async () => {
  for (const profile of ['hq', 'hevc']) {
    const path = outputs.get(profile)!;
    const bytes = readFileSync(path);
    writeFileSync(`${path}.cut.ts`, bytes.subarray(secondAccessPoint(bytes)));
    expect(await decodeErrors(`${path}.cut.ts`)).toEqual([]);
  }
});

test('values of variables reach the encoder', async () => {
  const profile = 'lowlatency';
  const variables = { video_bitrate: '100k', audio_bitrate: '32k' };
  const thin = await transcode({ profile, variables }, provider.url('/tv'), 'mpegts');
  const thick = await transcode({ profile, variables: { crf: 12 } }, provider.url('/tv'), 'mpegts');
  expect(Number(thin.probe.format.bit_rate) * 2).toBeLessThan(Number(thick.probe.format.bit_rate));
});

/** Offset of the last PAT before the second packet that is marked as a random access point on the video's PID. */
function secondAccessPoint(bytes: Buffer): number {
  const pid = (at: number) => bytes.readUInt16BE(at + 1) & 0x1fff;
  let pat = 0;
  let seen = 0;
  for (let at = 0; at < bytes.length; at += 188) {
    if (pid(at) === 0) pat = at;
    const isAccessPoint =
      (bytes[at + 3]! & 0x20) !== 0 && bytes[at + 4]! > 0 && (bytes[at + 5]! & 0x40) !== 0;
    if (isAccessPoint && pid(at) === 256) seen += 1;
    if (seen === 2) return pat;
  }
  throw new Error('there is no second access point');
}

import { readH264Parameters } from '../src/codec/h264-parameters.ts';
import { readHevcSize } from '../src/codec/hevc-parameters.ts';
import { describeMedia } from '../src/index.ts';
import { sample } from './samples.ts';

test('a stretch of a stream says its codecs, its size and how long it is', () => {
  const described = describeMedia(sample('h264', 3));
  // Constrained Baseline or High, as the encoder has it.
  expect(described).toEqual({
    codecs: expect.stringMatching(/^avc1\.[0-9a-f]{6},mp4a\.40\.2$/),
    resolution: '320x180',
    durationMs: 3_000,
    video: { codec: 'h264', framesPerSecond: 25 },
    audio: { codec: 'aac', channels: 1 },
  });
});

test('what has no name here leaves the list of codecs out: players take it for complete', () => {
  const hevc = describeMedia(sample('hevc', 3));
  expect(hevc).toMatchObject({ durationMs: 3_000, resolution: '320x180' });
  expect(hevc).not.toHaveProperty('codecs');
  expect(describeMedia(sample('mpeg2', 3))).not.toHaveProperty('codecs');
  expect(describeMedia(sample('twoAudios', 3))).toMatchObject({
    codecs: expect.stringMatching(/^avc1\.\w+,mp4a\.40\.2$/),
  });
  expect(describeMedia(sample('audio', 3))).toMatchObject({ codecs: 'mp4a.40.2' });
});

test('codecs without a name there are told by ours, with sizes, rates and channels', () => {
  expect(describeMedia(sample('mpeg2', 3))).toMatchObject({
    resolution: '320x180',
    video: { codec: 'mpeg2video', framesPerSecond: 25 },
    audio: { codec: 'mp2', channels: 1 },
  });
  // Neither side is a multiple of what is coded at once.
  const cropped = ['-vf', 'scale=330:190,fps=30000/1001', '-c:a', 'ac3', '-ac', '6'];
  expect(describeMedia(sample('hevc', 1, cropped))).toMatchObject({
    resolution: '330x190',
    video: { codec: 'hevc', framesPerSecond: 29.97 },
    audio: { codec: 'ac3', channels: 6 },
  });
  for (const [codec, channels] of [
    ['ac3', 2],
    ['eac3', 6],
    ['mp2', 2],
    ['aac', 6],
  ] as const) {
    const { audio } = describeMedia(sample('audio', 1, ['-c:a', codec, '-ac', `${channels}`])) ?? {};
    expect([codec, audio]).toEqual([codec, { codec, channels }]);
  }
});

test('what is no stream, or only a part of one, is not described', () => {
  expect(describeMedia(Buffer.alloc(188 * 10, 0x47))).toBeUndefined();
  expect(describeMedia(sample('h264', 3).subarray(188 * 200, 188 * 201))).toBeUndefined();
});

const PARAMETERS = Buffer.from('67640028acd940780227e5c044000003000400000300c83c60c658', 'hex');

test('the size is that of the picture that is shown: 1,088 lines are coded, 1,080 are seen', () => {
  expect(readH264Parameters(PARAMETERS)).toEqual({ profile: '640028', width: 1920, height: 1080 });
  expect(readH264Parameters(Buffer.from('68ee3cb0', 'hex'))).toBeUndefined();
});

const HEVC_PARAMETERS = Buffer.from(
  '4201010160000003009000000300000300' + '3ca00a880c1c9596566924caf0168080000003008000000c84',
  'hex',
);

test('a parameter set that breaks off is none, and a damaged one is none or has a size that can be', () => {
  for (let length = 0; length <= 10; length += 1)
    expect(readH264Parameters(PARAMETERS.subarray(0, length))).toBeUndefined();
  for (let bit = 0; bit < 8 * PARAMETERS.length; bit += 1) {
    const damaged = Buffer.from(PARAMETERS);
    damaged[bit >> 3]! ^= 0x80 >> (bit & 7);
    const { width = 16, height = 16 } = readH264Parameters(damaged) ?? {};
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(16);
    expect(Math.max(width, height)).toBeLessThanOrEqual(16_384);
  }
});

test('HEVC tells its size likewise, and damaged sets tell none that cannot be', () => {
  expect(readHevcSize(HEVC_PARAMETERS)).toEqual({ width: 330, height: 190 });
  expect(readHevcSize(PARAMETERS)).toBeUndefined();
  for (let length = 0; length <= 20; length += 1)
    expect(readHevcSize(HEVC_PARAMETERS.subarray(0, length))).toBeUndefined();
  for (let bit = 0; bit < 8 * HEVC_PARAMETERS.length; bit += 1) {
    const damaged = Buffer.from(HEVC_PARAMETERS);
    damaged[bit >> 3]! ^= 0x80 >> (bit & 7);
    const { width = 16, height = 16 } = readHevcSize(damaged) ?? {};
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(16);
    expect(Math.max(width, height)).toBeLessThanOrEqual(16_384);
  }
});

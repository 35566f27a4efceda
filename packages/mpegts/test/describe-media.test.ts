import { readH264Parameters } from '../src/codec/h264-parameters.ts';
import { describeMedia } from '../src/index.ts';
import { sample } from './samples.ts';

test('a stretch of a stream says its codecs, its size and how long it is', () => {
  const described = describeMedia(sample('h264', 3));
  // Constrained Baseline or High, as the encoder has it.
  expect(described).toEqual({
    codecs: expect.stringMatching(/^avc1\.[0-9a-f]{6},mp4a\.40\.2$/),
    resolution: '320x180',
    durationMs: 3_000,
  });
});

test('what has no name here leaves the list of codecs out: players take it for complete', () => {
  const hevc = describeMedia(sample('hevc', 3));
  expect(hevc).toMatchObject({ durationMs: 3_000 });
  expect(hevc).not.toHaveProperty('codecs');
  expect(describeMedia(sample('mpeg2', 3))).not.toHaveProperty('codecs');
  expect(describeMedia(sample('twoAudios', 3))).toMatchObject({
    codecs: expect.stringMatching(/^avc1\.\w+,mp4a\.40\.2$/),
  });
  expect(describeMedia(sample('audio', 3))).toMatchObject({ codecs: 'mp4a.40.2' });
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

import { variantFigures } from '../../src/hls/variant-figures.ts';

const figuresOf = (args: string) => variantFigures(args.split(' '));

describe('the bit rate is the highest that is sent', () => {
  test.each([
    [
      '-c:v libx264 -b:v 2M -maxrate 3M -c:a aac -b:a 100k',
      { bandwidth: 3_410_000, averageBandwidth: 2_310_000 },
    ],
    ['-c:v libx264 -maxrate 3000k -c:a aac', { bandwidth: 3_440_800 }],
    ['-c:v libx264 -b:v 2M -c:a copy', { bandwidth: 3_792_800, averageBandwidth: 2_692_800 }],
    ['-vn -c:a mp2 -b:a 200k', { bandwidth: 220_000 }],
  ])('%s', (args, wanted) => {
    expect(figuresOf(args)).toEqual(wanted);
  });

  test.each(['-c copy -b:v 2M', '-c:v copy -c:a aac', '-c:v libx264 -crf 23'])('%s: unknown', (args) => {
    expect(figuresOf(args)).toEqual({});
  });
});

test.each([
  ['-s 640x360', '640x360'],
  ['-vf yadif,scale=1280:720,format=yuv420p', '1280x720'],
  ['-vf scale=w=1280:h=720:flags=lanczos', '1280x720'],
  ['-vf scale=1280:720 -s 640x360', '640x360'],
  ['-vf scale=-2:720', undefined],
  ["-vf scale=-2:'trunc(min(720,ih)/2)*2'", undefined],
  ['-vf scale=1280:720,pad=1920:1080', undefined],
  ['-vf scale=1280:720:force_original_aspect_ratio=decrease', undefined],
  ['-c:v copy -s 640x360', undefined],
])('the size of %s: %s', (args, resolution) => {
  expect(figuresOf(args).resolution).toBe(resolution);
});

test.each([
  ['-c:v libx264 -profile:v high -level 4.0 -c:a aac', 'avc1.640028,mp4a.40.2'],
  ['-c:v libx264 -profile:v main -level:v 31 -an', 'avc1.4d401f'],
  ['-vn -c:a aac', 'mp4a.40.2'],
  ['-c:v libx264 -c:a aac', undefined],
  ['-c:v libx264 -profile:v high -level 4.0 -c:a copy', undefined],
  ['-c:v libx265 -profile:v main -level 4.0 -c:a aac', undefined],
])('the codecs of %s: %s', (args, codecs) => {
  expect(figuresOf(args).codecs).toBe(codecs);
});

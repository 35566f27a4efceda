import fc from 'fast-check';
import { CELLS, darknessOf, isSamePicture } from '../../src/detection/picture/gray-picture.ts';
import { PictureJudge } from '../../src/detection/picture/picture-judge.ts';
import { Stillness } from '../../src/detection/picture/stillness.ts';

const SETTINGS = { sampleIntervalMs: 10_000, blackMs: 10_000, frozenMs: 30_000 };

const flat = (value: number) => Buffer.alloc(CELLS, value);
const BLACK = flat(1);
/** A gradient, so that it is neither black nor flat. */
const PICTURE = Buffer.from(Array.from({ length: CELLS }, (_, i) => 40 + (i % 64) * 3));

function changed(picture: Buffer, cells: number, by: number): Buffer {
  const copy = Buffer.from(picture);
  for (let i = 0; i < cells; i++) copy[i * 7] = copy[i * 7]! + by;
  return copy;
}

/** Adds the same picture every `everyMs`. Returns the ms after the first at which it was judged, and as what. */
function repeat(judge: PictureJudge, picture: Buffer, everyMs: number, still: number | undefined) {
  for (let ms = 0; ms <= 90_000; ms += everyMs) {
    const error = judge.add(picture, 1_000 + ms, still);
    if (error) return [ms, error.code];
  }
  return undefined;
}

test('black and frozen take their time and several samples', () => {
  expect(repeat(new PictureJudge(SETTINGS), BLACK, 2_500, undefined)).toEqual([10_000, 'SOURCE_BLACK']);
  expect(repeat(new PictureJudge(SETTINGS), BLACK, 15_000, undefined)).toEqual([30_000, 'SOURCE_BLACK']);
  expect(repeat(new PictureJudge(SETTINGS), PICTURE, 5_000, 0)).toEqual([30_000, 'SOURCE_FROZEN']);
  expect(repeat(new PictureJudge(SETTINGS), PICTURE, 20_000, 0)).toEqual([60_000, 'SOURCE_FROZEN']);
});

test('the same picture in a stream whose pictures cost too much to be repetitions is not frozen', () => {
  expect(repeat(new PictureJudge(SETTINGS), PICTURE, 5_000, undefined)).toBeUndefined();
});

test('it must have been still all the time', () => {
  const judge = new PictureJudge(SETTINGS);
  for (let ms = 0; ms <= 25_000; ms += 5_000) expect(judge.add(PICTURE, ms, 0)).toBeUndefined();
  // Something moved in between and came back.
  for (let ms = 30_000; ms <= 55_000; ms += 5_000) expect(judge.add(PICTURE, ms, 27_000)).toBeUndefined();
  expect(judge.add(PICTURE, 61_000, 27_000)).toMatchObject({ code: 'SOURCE_FROZEN' });
});

test('one other picture, or one moving cell, starts it again', () => {
  const judge = new PictureJudge(SETTINGS);
  for (let ms = 0; ms <= 300_000; ms += 5_000) {
    const picture = ms % 30_000 === 25_000 ? changed(PICTURE, 1, 20) : PICTURE;
    expect(judge.add(picture, ms, 0)).toBeUndefined();
  }
  const black = new PictureJudge(SETTINGS);
  for (let ms = 0; ms <= 100_000; ms += 2_500)
    expect(black.add(ms % 10_000 === 7_500 ? PICTURE : BLACK, ms, undefined)).toBeUndefined();
});

test('a slow change adds up', () => {
  const judge = new PictureJudge(SETTINGS);
  for (let ms = 0; ms <= 300_000; ms += 5_000)
    expect(judge.add(changed(PICTURE, CELLS / 8, ms / 2_500), ms, 0)).toBeUndefined();
});

test('suspicion asks for samples sooner, and what is off is not suspected', () => {
  const judge = new PictureJudge(SETTINGS);
  expect(judge.confirmationMs).toBeUndefined();
  judge.add(BLACK, 0, undefined);
  expect(judge.confirmationMs).toBe(2_500);
  judge.add(PICTURE, 2_500, 0);
  expect(judge.confirmationMs).toBeUndefined();
  judge.add(PICTURE, 12_500, 0);
  expect(judge.confirmationMs).toBe(5_000);
  judge.reset();
  expect(judge.confirmationMs).toBeUndefined();

  const frozenOnly = new PictureJudge({ ...SETTINGS, blackMs: 0 });
  expect(repeat(frozenOnly, BLACK, 5_000, 0)).toBeUndefined();
  expect(frozenOnly.confirmationMs).toBeUndefined();
  const blackOnly = new PictureJudge({ ...SETTINGS, frozenMs: 0 });
  expect(repeat(blackOnly, PICTURE, 5_000, 0)).toBeUndefined();
});

test('black, black under a logo, and night', () => {
  expect(darknessOf(flat(16))).toBe('black');
  expect(darknessOf(changed(BLACK, 30, 200))).toBe('dark');
  expect(darknessOf(changed(BLACK, 200, 60))).toBe('none');
  expect(darknessOf(flat(40))).toBe('none');
  // Under a logo only where nothing moves.
  expect(repeat(new PictureJudge(SETTINGS), changed(BLACK, 30, 200), 2_500, 0)?.[1]).toBe('SOURCE_BLACK');
  expect(repeat(new PictureJudge(SETTINGS), changed(BLACK, 30, 200), 2_500, undefined)).toBeUndefined();
});

test('sameness knows no order and bears a codec’s noise', () => {
  const noisy = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: CELLS, maxLength: CELLS });
  fc.assert(
    fc.property(noisy, noisy, (a, b) => {
      const one = Buffer.from(PICTURE.map((cell, i) => cell + a[i]!));
      const other = Buffer.from(PICTURE.map((cell, i) => cell + b[i]!));
      expect(isSamePicture(one, other)).toBe(true);
      expect(isSamePicture(other, one)).toBe(true);
      expect(isSamePicture(one, changed(other, 1, 30))).toBe(false);
    }),
    { numRuns: 30 },
  );
});

describe('Stillness', () => {
  /** Ten seconds at 25 pictures a second: a keyframe every 2 s, `repeated` bytes for each other, `refined` for some. */
  function feed(stillness: Stillness, key: number, repeated: number, refined = repeated, startMs = 0) {
    for (let i = 0; i < 250; i++) {
      const bytes = i % 50 === 0 ? key : i % 10 === 1 ? refined : repeated;
      stillness.push(bytes, startMs + i * 40);
    }
    return stillness.sinceMs;
  }

  test('most pictures next to nothing is still, whatever is refined now and then', () => {
    expect(feed(new Stillness(), 100_000, 70)).toBeDefined();
    expect(feed(new Stillness(), 100_000, 70, 40_000)).toBeDefined();
    expect(feed(new Stillness(), 500, 60)).toBeDefined();
    expect(feed(new Stillness(), 140_000, 2_300, 48_000)).toBeDefined();
  });

  test('pictures of a tenth of a keyframe move', () => {
    expect(feed(new Stillness(), 30_000, 3_000)).toBeUndefined();
    const stillness = new Stillness();
    feed(stillness, 30_000, 60);
    expect(feed(stillness, 30_000, 9_000, 9_000, 10_000)).toBeUndefined();
    const since = feed(stillness, 30_000, 60, 60, 20_000);
    expect(since).toBeGreaterThan(20_000);
    expect(feed(stillness, 30_000, 60, 60, 30_000)).toBe(since);
    stillness.reset();
    expect(stillness.sinceMs).toBeUndefined();
  });
});

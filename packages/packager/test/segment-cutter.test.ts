import fc from 'fast-check';
import { cutsAt, partTarget, targetDuration } from '../src/cutting/cut-rules.ts';
import { type CutSegment, SegmentCutter } from '../src/cutting/segment-cutter.ts';
import { marksOf, type Picture, runsOf } from './synthetic-stream.ts';

interface Cut {
  readonly segments: CutSegment[];
  readonly cutter: SegmentCutter;
}

function cut(
  pictures: readonly Picture[],
  { at = 0, limitMs = 3_000, segmentMs = 2_000, hurried = false } = {},
): Cut {
  const segments: CutSegment[] = [];
  const cutter = new SegmentCutter({
    segmentMs,
    partMs: 333,
    limitMs: () => limitMs,
    hurried: () => hurried,
    onOpened: () => {},
    onPart: () => {},
    onClosed: (segment) => segments.push(segment),
  });
  for (const run of runsOf(pictures, at)) cutter.run(run);
  cutter.end();
  return { segments, cutter };
}

/** GOPs of so many pictures each. */
function gops(lengths: readonly number[], stepMs = 40): Picture[] {
  return lengths
    .flatMap((length) => Array.from({ length }, (_, i) => i === 0))
    .map((key, i) => ({ key, ms: i * stepMs }));
}

const durations = ({ segments }: Cut): number[] => segments.map(({ durationMs }) => Math.round(durationMs));

test('a segment has as many GOPs as it takes to be long enough', () => {
  expect(durations(cut(gops([25, 25, 25, 25, 25])))).toEqual([2_000, 2_000, 1_000]);
  expect(durations(cut(gops([48, 48, 48])))).toEqual([1_920, 1_920, 1_920]);
  expect(durations(cut(gops([70, 70, 70])))).toEqual([2_800, 2_800, 2_800]);
});

test('timestamps may wrap', () => {
  expect(durations(cut(gops([25, 25, 25, 25, 25]), { at: 2 ** 33 - 90_000 }))).toEqual([2_000, 2_000, 1_000]);
});

test('while somebody waits, a keyframe after half a second will do', () => {
  expect(durations(cut(gops([25, 25, 25]), { hurried: true }))).toEqual([1_000, 1_000, 1_000]);
  expect(durations(cut(gops([5, 5, 5, 5, 25]), { hurried: true }))).toEqual([600, 1_200]);
});

test('a GOP that would make a segment too long gets one of its own', () => {
  expect(durations(cut(gops([70, 20, 70, 20, 70])))).toEqual([2_800, 800, 2_800, 800, 2_800]);
});

test('where keyframes are further apart than a segment may be long, it ends at a picture', () => {
  const { segments } = cut(gops([200]));
  expect(segments.map(({ durationMs }) => durationMs)).toEqual([3_000, 3_000, 2_000]);
  expect(segments.map(({ independent }) => independent)).toEqual([true, false, false]);
  expect(segments.flatMap(({ bytes }) => marksOf(bytes))).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test('a leap of the clock ends a segment with what came last', () => {
  const before = gops([25]);
  const after = gops([25, 25, 25]).map(({ key, ms }) => ({ key, ms: ms + 61_000 }));
  const { segments } = cut([...before, ...after]);
  expect(segments.map(({ durationMs }) => Math.round(durationMs))).toEqual([1_000, 2_000, 1_000]);
  expect(segments.map(({ discontinuity }) => discontinuity)).toEqual([false, true, false]);
});

test('a clock that goes back does, too', () => {
  const { segments } = cut([
    ...gops([25, 25, 25]).map(({ key, ms }) => ({ key, ms: ms + 5_000 })),
    ...gops([25, 25]),
  ]);
  expect(segments.map(({ discontinuity }) => discontinuity)).toEqual([false, false, true]);
  for (const { durationMs } of segments) expect(durationMs).toBeGreaterThan(0);
});

test('parts are whole pictures, nearly as long as parts may be, and together the segment', () => {
  const { segments, cutter } = cut(gops([50, 50, 50]));
  expect(cutter.partTargetMs).toBe(333);
  expect(segments[0]!.parts).toEqual([]);
  for (const segment of segments.slice(1)) {
    expect(segment.parts.map(({ durationMs }) => durationMs)).toEqual([320, 320, 320, 320, 320, 320, 80]);
    expect(segment.parts.map(({ independent }) => independent)).toEqual([true, ...Array(6).fill(false)]);
    expect(Buffer.concat(segment.parts.map((part) => segment.bytesOf(part)))).toEqual(segment.bytes);
  }
});

test('whatever the keyframes, pictures and splices: no segment is too long, none lost, and all begin as they say', () => {
  const stream = fc.array(
    fc.record({
      length: fc.integer({ min: 1, max: 220 }),
      splice: fc.boolean(),
      gapMs: fc.constantFrom(0, 0, 0, 700, 4_000),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(
      stream,
      fc.constantFrom(20, 40, 41.7, 100),
      fc.constantFrom(0, 2 ** 33 - 200_000),
      (all, stepMs, at) => {
        const pictures: Picture[] = [];
        let ms = 0;
        for (const [g, { length, splice, gapMs }] of all.entries())
          for (let i = 0; i < length; i += 1) {
            if (i === 0 && g > 0) ms += gapMs;
            pictures.push({ key: i === 0, ms, splice: splice && i === 0 && g > 0 });
            ms += stepMs;
          }
        const { segments, cutter } = cut(pictures, { at });
        const marks = segments.map(({ bytes }) => marksOf(bytes));
        expect(marks.flat()).toEqual(pictures.map((_, i) => i));
        for (const [i, segment] of segments.entries()) {
          const { independent, discontinuity, durationMs, parts } = segment;
          const first = pictures[marks[i]![0]!]!;
          expect([durationMs > 0, durationMs <= 3_000.001, independent]).toEqual([true, true, first.key]);
          if (first.splice) expect(discontinuity).toBe(true);
          if (parts.length === 0) continue;
          expect(Buffer.concat(parts.map((part) => segment.bytesOf(part))).equals(segment.bytes)).toBe(true);
          expect(Math.max(...parts.map((part) => part.durationMs))).toBeLessThanOrEqual(cutter.partTargetMs!);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('target durations hold what keyframes ask for, with head room', () => {
  expect(targetDuration(2_000, { gopMs: 0, longestMs: 0 })).toBe(2);
  expect(targetDuration(2_000, { gopMs: 500, longestMs: 2_000 })).toBe(2);
  expect(targetDuration(2_000, { gopMs: 1_920, longestMs: 1_920 })).toBe(2);
  expect(targetDuration(2_000, { gopMs: 10_000, longestMs: 10_000 })).toBe(12);
  expect(targetDuration(6_000, { gopMs: 2_000, longestMs: 6_000 })).toBe(7);
  // 2.6 s would be rounded to 3.
  expect(targetDuration(1_000, { gopMs: 1_000, longestMs: 2_499 })).toBe(2);
  expect(targetDuration(1_000, { gopMs: 1_000, longestMs: 2_600 })).toBe(3);
});

test('a segment ends early where the next GOP would make it too long', () => {
  const question = { segmentMs: 2_000, limitMs: 3_000, hurried: false };
  expect(cutsAt({ ...question, elapsedMs: 1_700, gopMs: 1_000 })).toBe(false);
  expect(cutsAt({ ...question, elapsedMs: 1_700, gopMs: 1_400 })).toBe(true);
  expect(cutsAt({ ...question, elapsedMs: 1_800, gopMs: 100 })).toBe(true);
});

test.each([20, 33.4, 40, 41.7, 21.33, 64, 150, 400])(
  'parts of units of %d ms have 85 % of their target',
  (stepMs) => {
    const target = partTarget(333, stepMs);
    const units = Math.floor((target - 0.001) / stepMs);
    expect(units).toBeGreaterThanOrEqual(1);
    expect(units * stepMs).toBeGreaterThanOrEqual(0.85 * target);
  },
);

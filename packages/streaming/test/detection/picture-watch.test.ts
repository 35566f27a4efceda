import type { StreampoolError } from '@streampool/errors';
import type { ProgramMap } from '@streampool/mpegts';
import type { TsLoop } from '@streampool/testkit';
import { PictureWatch, type Sample } from '../../src/detection/index.ts';
import { CELLS } from '../../src/detection/picture/gray-picture.ts';
import { Playback } from './playback.ts';
import { RECIPES, recording } from './recordings.ts';

const SETTINGS = { sampleIntervalMs: 10_000, blackMs: 10_000, frozenMs: 30_000 };
const BLACK = Buffer.alloc(CELLS, 1);

type Answer = Buffer | undefined | Promise<Buffer | undefined>;

/** A watch whose decoder answers from a function. */
function setup(answer: () => Answer, settings = SETTINGS) {
  const faults: StreampoolError[] = [];
  const asked: number[] = [];
  const maps: ProgramMap[] = [];
  const signals: AbortSignal[] = [];
  const watch = new PictureWatch(settings, {
    decoder: {
      decode: async (_sample: Sample, signal) => {
        asked.push((playback.nowMs - 5_000) / 1_000);
        signals.push(signal);
        return answer();
      },
    },
    onFault: (error) => faults.push(error),
    random: () => 0.5,
  });
  const playback: Playback = new Playback({
    program: (map) => {
      maps.push(map);
      watch.program(map);
    },
    packets: (run, nowMs) => watch.push(run, nowMs),
  });
  return { watch, playback, faults, asked, maps, signals };
}

let frozen: TsLoop;
beforeAll(async () => {
  frozen = await recording(RECIPES.frozen);
});

test('a still picture is sampled at the interval, a black one is confirmed sooner', async () => {
  const { playback, asked, faults } = setup(() => BLACK);
  await playback.play(frozen, 40, () => faults.length > 0);
  expect(faults[0]?.code).toBe('SOURCE_BLACK');
  const gaps = asked.slice(1).map((at, i) => at - asked[i]!);
  // Each waits for the next keyframe, of which there is one in 2 s, and for its end.
  expect(asked[0]).toBeGreaterThanOrEqual(10);
  expect(asked[0]).toBeLessThan(13);
  for (const gap of gaps) {
    expect(gap).toBeGreaterThanOrEqual(2);
    expect(gap).toBeLessThan(5);
  }
});

test('what cannot be decoded proves nothing, and is tried more rarely', async () => {
  const { playback, asked, faults } = setup(() => undefined);
  await playback.play(frozen, 200);
  expect(faults).toEqual([]);
  const gaps = asked.slice(1).map((at, i) => at - asked[i]!);
  expect(gaps[0]).toBeGreaterThanOrEqual(20);
  expect(gaps.at(-1)).toBeGreaterThan(gaps[0]!);
  expect(asked.length).toBeLessThan(8);
});

test('a sample of a video that is not in force any more says nothing', async () => {
  let release: (picture: Buffer) => void = () => {};
  const answer = () =>
    new Promise<Buffer>((resolve) => {
      release = resolve;
    });
  const { watch, playback, faults, asked, maps } = setup(answer, { ...SETTINGS, blackMs: 1, frozenMs: 0 });
  /** Plays until the next sample is asked for, and a while longer: there is one at a time. */
  const nextSample = async () => {
    const before = asked.length;
    await playback.play(frozen, 100, () => asked.length > before);
    await playback.play(frozen, 15);
    expect(asked).toHaveLength(before + 1);
  };
  await nextSample();
  const map = maps[0]!;
  watch.program({ ...map, streams: map.streams.map((s) => ({ ...s, pid: s.pid + 0x400 })) });
  watch.program(map);
  release(BLACK);
  for (let i = 0; i < 2; i++) {
    await nextSample();
    release(BLACK);
  }
  await nextSample();
  expect(faults).toEqual([]);
  release(BLACK);
  await playback.play(frozen, 0.1);
  expect(faults[0]?.code).toBe('SOURCE_BLACK');
});

test('closing gives up what is being decoded and takes no more', async () => {
  const { watch, playback, faults, asked, signals } = setup(() => BLACK, { ...SETTINGS, blackMs: 1 });
  await playback.play(frozen, 100, () => asked.length === 2);
  watch.close();
  watch.close();
  expect(signals.every((signal) => signal.aborted)).toBe(true);
  await playback.play(frozen, 60);
  expect(asked).toHaveLength(2);
  expect(faults).toEqual([]);
});

test.each([
  ['radio', SETTINGS],
  ['frozen', { ...SETTINGS, sampleIntervalMs: 0 }],
  ['frozen', { ...SETTINGS, blackMs: 0, frozenMs: 0 }],
] as const)('%s with %j asks for nothing', async (name, settings) => {
  const { playback, asked } = setup(() => BLACK, settings);
  await playback.play(await recording(RECIPES[name]), 100);
  expect(asked).toEqual([]);
});

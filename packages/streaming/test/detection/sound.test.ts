import { randomBytes } from 'node:crypto';
import { isStreampoolError } from '@streampool/errors';
import { DEFAULT_DETECTION_SETTINGS, SoundWatch } from '../../src/detection/index.ts';
import { mayBeSilence } from '../../src/detection/sound/information.ts';
import { peakOf } from '../../src/detection/sound/sound-level.ts';
import { Playback } from './playback.ts';
import { RECIPES, recording } from './recordings.ts';
import { packets, program } from './transport.ts';

test('the loudest sample is the last one told', () => {
  const lines = (peak: string) =>
    Buffer.from(`frame:0\nlavfi.astats.Overall.Peak_level=-inf\nframe:1\n${peak}\n`);
  expect(peakOf(lines('lavfi.astats.Overall.Peak_level=-63.539735'))).toBe(-63.539735);
  expect(peakOf(lines(''))).toBe(Number.NEGATIVE_INFINITY);
  expect(peakOf(lines('lavfi.astats.Overall.Peak_level=nan'))).toBeUndefined();
  expect(peakOf(Buffer.alloc(0))).toBeUndefined();
});

test('random bytes are sound, repeated ones may be silence', () => {
  const run = packets(0x101, 90);
  expect(mayBeSilence(run)).toBe(true);
  for (let at = 0; at < run.length; at += 188) randomBytes(184).copy(run, at + 4);
  expect(mayBeSilence(run)).toBe(false);
  expect(mayBeSilence(Buffer.alloc(0))).toBe(true);
});

/** Plays a recording to a watch whose decoder answers from a script: a peak in dB, or nothing. */
async function check(name: 'radio' | 'silentAc3', seconds: number, answers: (number | undefined)[]) {
  const asked: number[] = [];
  const faults: number[] = [];
  const watch = new SoundWatch(
    { ...DEFAULT_DETECTION_SETTINGS.silence, enabled: true },
    {
      decoder: {
        decode: async () => {
          asked.push((playback.nowMs - 5_000) / 1_000);
          const answer = answers[asked.length - 1];
          return answer === undefined
            ? undefined
            : Buffer.from(`lavfi.astats.Overall.Peak_level=${answer}\n`);
        },
      },
      onFault: (error) => {
        expect(isStreampoolError(error, 'SOURCE_SILENT')).toBe(true);
        faults.push((playback.nowMs - 5_000) / 1_000);
      },
    },
  );
  const playback = new Playback({
    program: (map) => watch.program(map),
    packets: (run, nowMs) => watch.push(run, nowMs),
  });
  await playback.play(await recording(RECIPES[name]), seconds);
  watch.close();
  return { asked, faults };
}

const near = (seconds: number) => [seconds, seconds + 1] as const;

test('first check after the grace time, one per interval, the third silent one in a row counts', async () => {
  const { asked, faults } = await check('silentAc3', 60, [-60, -60, -20, -60, -60, -60]);
  for (const [i, [from, to]] of [15, 25, 35, 45].map((s) => near(s + 3)).entries()) {
    expect(asked[i]).toBeGreaterThanOrEqual(from);
    expect(asked[i]).toBeLessThanOrEqual(to);
  }
  expect(faults).toEqual([]);
  expect((await check('silentAc3', 60, [-60, -90, -51])).faults).toHaveLength(1);
  expect((await check('silentAc3', 60, [-60, -90, -49])).faults).toEqual([]);
});

test('a check without an answer is none', async () => {
  const { faults } = await check('silentAc3', 60, [-60, undefined, -60, undefined]);
  expect(faults).toEqual([]);
  expect((await check('silentAc3', 60, [-60, undefined, -60, -60])).faults).toHaveLength(1);
});

test('what looks like sound is decoded one time in six, until it was silent', async () => {
  const loud = await check('radio', 190, [-6, -6, -6]);
  expect(loud.asked).toHaveLength(3);
  const hiss = await check('radio', 100, [-60, -60, -60]);
  expect(hiss.asked.length).toBeGreaterThanOrEqual(3);
  expect(hiss.faults.length).toBeGreaterThan(0);
});

test('without audio, and switched off, nothing is judged', () => {
  const decoder = { decode: () => Promise.reject(new Error('must not be asked')) };
  const onFault = () => {
    throw new Error('must not be judged');
  };
  for (const [enabled, map] of [
    [true, program('video')],
    [false, program('audio')],
  ] as const) {
    const watch = new SoundWatch({ ...DEFAULT_DETECTION_SETTINGS.silence, enabled }, { decoder, onFault });
    watch.program(map);
    for (let ms = 0; ms < 100_000; ms += 50) watch.push(packets(0x101, 3), ms);
    watch.close();
  }
});

import type { StreampoolError } from '@streampool/errors';
import { decodeBytes, FfmpegProcess } from '@streampool/ffmpeg';
import { waitFor } from '@streampool/testkit';
import {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionSettings,
  SampleDecoder,
  SlowEncoder,
  SourceWatch,
} from '../../src/detection/index.ts';
import { Playback } from './playback.ts';
import { RECIPES, recording } from './recordings.ts';

/** Everything that can be judged of a picture and a sound, with the defaults of a stream that asks for it. */
const ALL: DetectionSettings = {
  ...DEFAULT_DETECTION_SETTINGS,
  bitrateFloorKbps: 5,
  picture: { ...DEFAULT_DETECTION_SETTINGS.picture, enabled: true },
  silence: { ...DEFAULT_DETECTION_SETTINGS.silence, enabled: true },
};

/** The same numbers in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** At our own priority and with patience: other tests keep the processors busy. */
const decoder = new SampleDecoder({
  ffmpegPath: 'ffmpeg',
  deadlineMs: 60_000,
  decode: (options) => decodeBytes({ ...options, niceness: 0 }),
});
afterAll(() => decoder.close());

type Name = keyof typeof RECIPES;

/** Plays recordings one after another: the first ones for their time, the last one for `seconds` or until it is found out. */
async function watch(name: Name, seconds: number, settings = ALL, before: readonly [Name, number][] = []) {
  const faults: StreampoolError[] = [];
  const decodedBefore = decoder.stats.decoded;
  const playback: Playback = new Playback(
    {
      program: (map) => it.program(map),
      packets: (run) => it.packets(run),
    },
    () => decoder.busy,
  );
  const it = new SourceWatch(settings, {
    now: () => playback.nowMs,
    decoder,
    onFault: (error) => faults.push(error),
    random: numbers(1),
  });
  for (const [former, lasting] of before) await playback.play(await recording(RECIPES[former]), lasting);
  expect(faults).toEqual([]);
  const lasted = await playback.play(await recording(RECIPES[name]), seconds, () => faults.length > 0);
  it.close();
  return { code: faults[0]?.code, lasted, decoded: decoder.stats.decoded - decodedBefore };
}

describe('good sources are left alone', () => {
  test.each(['moving', 'dark', 'talking', 'slide', 'hevc', 'quiet', 'radio'] as const)('%s', async (name) => {
    const { code, decoded } = await watch(name, 75);
    expect(code).toBeUndefined();
    // What is decoded at all was decoded, or this would prove nothing.
    expect(decoded).toBeGreaterThan(0);
    expect(decoder.stats.failed).toBe(0);
  });
});

describe('faults are found within their time', () => {
  test.each([
    ['black', 'SOURCE_BLACK', 10, 30],
    ['blackLogo', 'SOURCE_BLACK', 10, 30],
    ['frozen', 'SOURCE_FROZEN', 30, 50],
    ['frozenFilled', 'SOURCE_FROZEN', 30, 50],
    ['frozenInterlaced', 'SOURCE_FROZEN', 30, 50],
    ['frozenHevc', 'SOURCE_FROZEN', 30, 50],
    ['silent', 'SOURCE_SILENT', 36, 42],
    ['silentAc3', 'SOURCE_SILENT', 36, 42],
    // Looks like sound, so that it is decoded more rarely until it has been found out.
    ['hiss', 'SOURCE_SILENT', 36, 92],
  ] as const)('%s: %s', async (name, code, earliest, latest) => {
    const found = await watch(name, latest);
    expect(found).toMatchObject({ code });
    expect(found.lasted).toBeGreaterThanOrEqual(earliest);
  });
});

test.each([
  ['black', 'SOURCE_BLACK', 25],
  ['frozen', 'SOURCE_FROZEN', 50],
] as const)('%s in the middle of a programme: %s', async (name, code, latest) => {
  const settings = { ...ALL, silence: { ...ALL.silence, enabled: false } };
  // A short black between two programmes is none.
  const before = [
    ['moving', 24],
    ['black', 6],
    ['moving', 24],
  ] as const;
  expect(
    await watch(
      name,
      latest,
      settings,
      before.map(([former, lasting]) => [former, lasting]),
    ),
  ).toMatchObject({ code });
});

test('a rate under the floor: SOURCE_BITRATE_LOW', async () => {
  const { code, lasted } = await watch('radio', 30, { ...DEFAULT_DETECTION_SETTINGS, bitrateFloorKbps: 300 });
  expect(code).toBe('SOURCE_BITRATE_LOW');
  expect(lasted).toBeLessThan(12);
  expect(
    (await watch('moving', 60, { ...DEFAULT_DETECTION_SETTINGS, bitrateFloorKbps: 300 })).code,
  ).toBeUndefined();
});

test.each(['audio', 'video'] as const)('%s that goes missing: SOURCE_TRACK_LOST', async (kind) => {
  let lostPid = -1;
  let isLost = false;
  const faults: StreampoolError[] = [];
  const it = new SourceWatch(DEFAULT_DETECTION_SETTINGS, {
    now: () => playback.nowMs,
    onFault: (error) => faults.push(error),
    findProgram: true,
  });
  const playback: Playback = new Playback({
    program: (map) => {
      lostPid = map.streams.find((stream) => stream.kind === kind)!.pid;
    },
    packets: (run) => {
      const rest: Buffer[] = [];
      for (let at = 0; at < run.length; at += 188)
        if (!isLost || (run.readUInt16BE(at + 1) & 0x1fff) !== lostPid) rest.push(run.subarray(at, at + 188));
      it.packets(Buffer.concat(rest));
    },
  });
  const loop = await recording(RECIPES.moving);
  await playback.play(loop, 30);
  expect(faults).toEqual([]);
  isLost = true;
  const lasted = await playback.play(loop, 30, () => faults.length > 0);
  expect(faults[0]).toMatchObject({ code: 'SOURCE_TRACK_LOST', info: { track: kind, listed: true } });
  expect(lasted).toBeLessThan(6);
});

test('an FFmpeg at half of real time: FFMPEG_SLOW', async () => {
  const ends = await Promise.all(
    ['0.5', '1'].map(async (rate) => {
      const encoder = new SlowEncoder({ slowSpeed: 0.8, slowMs: 5_000 });
      let found: StreampoolError | undefined;
      const args = [
        '-readrate',
        rate,
        '-f',
        'lavfi',
        '-i',
        'testsrc2=size=64x64:rate=25',
        '-f',
        'mpegts',
        'pipe:1',
      ];
      const ffmpeg = new FfmpegProcess(
        { ffmpegPath: 'ffmpeg', args, stallTimeoutMs: 60_000, startTimeoutMs: 60_000, stopGraceMs: 100 },
        {
          data: () => {},
          exit: () => {},
          progress: (figures) => {
            found ??= encoder.push(figures, performance.now());
          },
        },
      );
      ffmpeg.start();
      const waitMs = rate === '1' ? 12_000 : 25_000;
      await waitFor(() => found, { timeoutMs: waitMs }).catch(() => undefined);
      await ffmpeg.stop();
      return { code: found?.code, speed: encoder.speed };
    }),
  );
  expect(ends[0]?.code).toBe('FFMPEG_SLOW');
  // As fast as it may be, or slower where a machine has no more to give.
  expect(ends[0]?.speed).toBeLessThan(0.55);
  expect(ends[1]?.code).toBeUndefined();
  expect(ends[1]?.speed).toBeGreaterThan(0.8);
});

test('a picture that moves is sampled six times as rarely', async () => {
  const settings = { ...ALL, silence: { ...ALL.silence, enabled: false } };
  const moving = await watch('moving', 150, settings);
  expect(moving.code).toBeUndefined();
  expect(moving.decoded).toBe(2);
});

import type { StreampoolError } from '@streampool/errors';
import { decodeBytes } from '@streampool/ffmpeg';
import {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionSettings,
  SampleDecoder,
  SourceWatch,
} from '../../src/detection/index.ts';
import { Playback } from './playback.ts';
import { RECIPES, recording } from './recordings.ts';

/** Everything that can be judged of a picture and a sound, with the defaults of a stream that asks for it. */
const ALL: DetectionSettings = {
  ...DEFAULT_DETECTION_SETTINGS,
  bitrateFloorKbps: 5,
  picture: { ...DEFAULT_DETECTION_SETTINGS.picture, sampleIntervalMs: 10_000 },
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

async function watch(name: keyof typeof RECIPES, seconds: number, settings = ALL) {
  const faults: StreampoolError[] = [];
  const before = decoder.stats.decoded;
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
  const lasted = await playback.play(await recording(RECIPES[name]), seconds, () => faults.length > 0);
  it.close();
  return { code: faults[0]?.code, lasted, decoded: decoder.stats.decoded - before };
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

test('a picture that moves is sampled six times as rarely', async () => {
  const settings = { ...ALL, silence: { ...ALL.silence, enabled: false } };
  const moving = await watch('moving', 150, settings);
  expect(moving.code).toBeUndefined();
  expect(moving.decoded).toBe(2);
});

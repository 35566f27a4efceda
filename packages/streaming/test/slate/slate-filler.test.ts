import { makeSample, TsLoop } from '@streampool/testkit';
import { type FittingSlate, SlateStore } from '../../src/slate/index.ts';
import { StagedIntake, type StagedIntakeOptions } from './staged-intake.ts';

const real = new SlateStore({ ffmpegPath: 'ffmpeg' });
afterAll(() => real.close());

let loop: TsLoop;
beforeAll(async () => {
  loop = new TsLoop(await makeSample({ seconds: 4, gopSeconds: 1 }));
});

async function playing(options: Partial<StagedIntakeOptions> = {}): Promise<StagedIntake> {
  const stage = new StagedIntake({ store: real, ...options });
  stage.intake.start();
  await stage.play(loop, 3_000);
  return stage;
}

test('is shown after the time it is set to, not before, and adds to the output in real time', async () => {
  const stage = await playing();
  const before = stage.output.length;
  await stage.wait(880);
  expect(stage.output.length).toBe(before);
  await stage.wait(240);
  expect(stage.types).toEqual(['slate_started']);
  await stage.wait(1_800);
  const gaps = stage.steps.filter(({ bytes }, i) => i > 0 && bytes > stage.steps[i - 1]!.bytes);
  const times = gaps.map(({ ms }) => ms).slice(-40);
  expect(Math.max(...times.slice(1).map((ms, i) => ms - times[i]!))).toBeLessThanOrEqual(80);
  await stage.intake.close();
  expect(stage.types).toEqual(['slate_started', 'slate_ended']);
  expect(stage.notes.at(-1)).toMatchObject({ shownMs: expect.any(Number) });
  expect(stage.intake.slateMs).toBeGreaterThan(1_700);
  expect(stage.clock.pending).toBe(0);
});

test('keeps to the clock on the wall, gap after gap', async () => {
  const stage = await playing();
  let atMs = 3_000;
  for (let gap = 0; gap < 3; gap++) {
    await stage.wait(2_000);
    await stage.play(loop, 2_000, atMs + 2_000);
    atMs += 4_000;
  }
  await stage.intake.close();
  expect(stage.types).toHaveLength(6);
  const offsets = stage.clockOffsets();
  expect(Math.max(...offsets) - Math.min(...offsets)).toBeLessThan(150);
});

test('makes way for the silent source at its next keyframe, and no byte before that goes out', async () => {
  const stage = await playing();
  await stage.wait(1_500);
  expect(stage.types).toEqual(['slate_started']);
  // In the middle of a GOP of 1 s.
  await stage.play(loop, 400, 4_500);
  expect(stage.types).toEqual(['slate_started']);
  await stage.play(loop, 400, 4_900);
  expect(stage.types).toEqual(['slate_started', 'slate_ended']);
  const shownMs = stage.intake.slateMs;
  await stage.play(loop, 3_000, 5_300);
  expect(stage.intake.slateMs).toBe(shownMs);
  await stage.intake.close();
});

test('is not shown before it is known what it has to look like, and then at once', async () => {
  const { promise, resolve } = Promise.withResolvers<FittingSlate | undefined>();
  const stage = new StagedIntake({ store: { find: () => promise } });
  stage.intake.start();
  const found = real.find.bind(real);
  stage.learnt = Promise.resolve(undefined);
  const playing = stage.play(loop, 3_000);
  // `play` waits for the slate at its end; what it was asked for is known by then.
  while (!stage.program) await new Promise((done) => setImmediate(done));
  void found(loop.render(0), stage.program).then(resolve);
  await playing;
  await stage.wait(1_300);
  expect(stage.types).toEqual(['slate_started']);
  await stage.intake.close();
});

test('a stream that no slate can be made for just pauses', async () => {
  const stage = await playing({ store: { find: async () => undefined } });
  const before = stage.output.length;
  await stage.wait(2_500);
  expect(stage.output.length).toBe(before);
  expect(stage.types).toEqual([]);
  await stage.play(loop, 1_000, 5_500);
  expect(stage.output.length).toBeGreaterThan(before);
  await stage.intake.close();
});

test('is left to the node whose source is silent', async () => {
  const stage = await playing();
  stage.mayShow = false;
  await stage.wait(2_000);
  expect(stage.types).toEqual([]);
  // It took the stream over meanwhile.
  stage.mayShow = true;
  await stage.wait(200);
  expect(stage.types).toEqual(['slate_started']);
  await stage.intake.close();
});

test('ends with the hope for a source', async () => {
  const stage = await playing({ stallMs: 1_500, maxAttempts: 1 });
  await stage.wait(1_400);
  expect(stage.types).toEqual(['slate_started']);
  await stage.wait(3_000);
  expect(stage.failed).toBe(true);
  await stage.intake.close();
  const { length } = stage.output;
  await stage.wait(1_000);
  expect(stage.output.length).toBe(length);
});

test('is not shown between the bursts of a source, as long as they last until the next one', async () => {
  const stage = new StagedIntake({ store: real, stallMs: 60_000 });
  stage.intake.start();
  const bytes = [0, 1, 2].map((round) => loop.render(round));
  stage.source.sink.data(bytes[0]!);
  await stage.wait(400);
  await stage.play(loop, 1_600, 4_000);
  // 12 s of media within 2.4 s: nothing is wanted for a while.
  stage.source.sink.data(bytes[1]!.subarray(loop.offsetAt(1_600 * 90)));
  stage.source.sink.data(bytes[2]!);
  await stage.wait(7_500);
  expect(stage.types).toEqual([]);
  await stage.wait(4_000);
  expect(stage.types).toEqual(['slate_started']);
  await stage.intake.close();
});

test('a store that has too much to do is asked later', async () => {
  let isBusy = true;
  let asked = 0;
  const stage = await playing({
    store: {
      get isBusy() {
        return isBusy;
      },
      find: async (...what) => {
        asked += 1;
        return real.find(...what);
      },
    },
  });
  expect(asked).toBe(0);
  isBusy = false;
  await stage.play(loop, 2_600, 3_000);
  expect(asked).toBe(1);
  await stage.wait(1_300);
  expect(stage.types).toEqual(['slate_started']);
  await stage.intake.close();
});

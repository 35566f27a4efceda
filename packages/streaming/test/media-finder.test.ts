import { makeSample, TsLoop } from '@streampool/testkit';
import { StagedIntake } from './slate/staged-intake.ts';

const loopOf = async (options: Parameters<typeof makeSample>[0]): Promise<TsLoop> =>
  new TsLoop(await makeSample({ seconds: 4, gopSeconds: 1, ...options }));

test('tells what goes out, of each source anew, and of no slate', async () => {
  const first = await loopOf({});
  const second = await loopOf({ codec: 'mpeg2', size: '640x360', audio: [{ codec: 'mp2' }] });
  const stage = new StagedIntake({ store: { find: async () => undefined }, stallMs: 1_000 });
  const { intake } = stage;
  intake.start();
  expect(intake.media).toBeUndefined();
  await stage.play(first, 3_000);
  const ofFirst = {
    resolution: '320x180',
    video: { codec: 'h264', framesPerSecond: 25 },
    audio: { codec: 'aac', channels: expect.any(Number) },
  };
  expect(intake.media).toEqual(ofFirst);
  // The source is silent until another one is asked; until that is known, what was known is told.
  await stage.wait(3_000);
  expect(stage.sources.length).toBeGreaterThan(1);
  expect(intake.media).toEqual(ofFirst);
  await stage.play(second, 3_000);
  expect(intake.media).toMatchObject({
    resolution: '640x360',
    video: { codec: 'mpeg2video' },
    audio: { codec: 'mp2' },
  });
  await intake.close();
});

import { Pacer } from '../src/pacer.ts';
import { ManualClock } from './manual-clock.ts';

function setup() {
  const clock = new ManualClock();
  let paused = false;
  const pacer = new Pacer({
    clock,
    leadMs: 1_000,
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
  });
  return { clock, pacer, isPaused: () => paused };
}

test('a source in real time is never held', async () => {
  const { clock, pacer, isPaused } = setup();
  for (let i = 0; i < 200; i += 1) {
    pacer.note((i * 9_000) % 2 ** 33);
    await clock.advance(100);
    expect(isPaused()).toBe(false);
  }
});

test('a fast source is held to its clock plus the lead', async () => {
  const { clock, pacer, isPaused } = setup();
  let pcr = 2 ** 33 - 90_000;
  const started = clock.now();
  let media = 0;
  while (media < 20_000) {
    if (isPaused()) await clock.advance(20);
    else {
      pacer.note(pcr);
      pcr = (pcr + 45_000) % 2 ** 33;
      media += 500;
    }
  }
  expect(clock.now() - started).toBeGreaterThanOrEqual(18_000);
  expect(clock.now() - started).toBeLessThanOrEqual(20_500);
});

test('a jump of the clock is not a piece of media', () => {
  const { pacer, isPaused } = setup();
  pacer.note(0);
  pacer.note(90_000 * 3_600);
  pacer.note(45_000);
  expect(isPaused()).toBe(false);
});

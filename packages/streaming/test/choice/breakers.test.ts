import { Breakers } from '../../src/choice/breakers.ts';
import { ManualClock } from '../manual-clock.ts';

function setup(options: { most?: number } = {}) {
  const clock = new ManualClock();
  const breakers = new Breakers({ clock, random: () => 0, ...options });
  return { clock, breakers, waits: (key = 'k') => breakers.waitMs(key) };
}

test('each failure in a row makes the pause longer, up to its most', async () => {
  const { clock, breakers, waits } = setup();
  const seen: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    breakers.begin('k').failed('failed');
    seen.push(waits());
    await clock.advance(waits());
  }
  expect(seen).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  breakers.begin('r').failed('refused');
  expect(waits('r')).toBe(2_000);
  expect(waits('other')).toBe(0);
});

test('pauses are shortened by up to a half, so that not everybody comes back at once', () => {
  const clock = new ManualClock();
  const breakers = new Breakers({ clock, random: () => 1 });
  breakers.begin('k').failed('refused');
  expect(breakers.waitMs('k')).toBe(1_000);
});

test('several attempts that were under way fail once', async () => {
  const { clock, breakers, waits } = setup();
  const attempts = [1, 2, 3].map(() => breakers.begin('k'));
  await clock.advance(100);
  for (const attempt of attempts) attempt.failed('failed');
  expect(waits()).toBe(250);
});

test('after the pause one attempt finds out, and the others wait for it', async () => {
  const { clock, breakers, waits } = setup();
  breakers.begin('k').failed('failed');
  await clock.advance(250);
  expect(waits()).toBe(0);
  expect(breakers.isHalfOpen('k')).toBe(true);
  const probe = breakers.begin('k');
  expect(waits()).toBe(10_000);
  probe.played();
  expect(waits()).toBe(0);
  expect(breakers.isHalfOpen('k')).toBe(false);
  // It has shown pictures, but not for long: the next failure is the second.
  probe.failed('failed');
  expect(waits()).toBe(500);
});

test('an attempt that ended for other reasons makes way for the next one', async () => {
  const { clock, breakers, waits } = setup();
  breakers.begin('k').failed('failed');
  await clock.advance(250);
  const probe = breakers.begin('k');
  probe.dropped();
  expect(waits()).toBe(0);
  probe.failed('failed');
  expect(waits()).toBe(0);
});

test('long play makes up for everything', async () => {
  const { clock, breakers, waits } = setup();
  for (let n = 0; n < 5; n += 1) {
    await clock.advance(waits());
    breakers.begin('k').failed('failed');
  }
  await clock.advance(waits());
  const attempt = breakers.begin('k');
  attempt.played();
  await clock.advance(60_000);
  attempt.stable();
  attempt.failed('failed');
  expect(waits()).toBe(250);
});

test('memory is bounded in time and number', async () => {
  const { clock, breakers } = setup({ most: 3 });
  for (const key of ['a', 'b', 'c', 'd']) breakers.begin(key).failed('refused');
  expect(breakers.size).toBe(3);
  expect(breakers.waitMs('a')).toBe(0);
  expect(breakers.waitMs('d')).toBe(2_000);
  await clock.advance(11 * 60_000);
  expect(breakers.isHalfOpen('d')).toBe(false);
});

test('how many are open can be asked: until an attempt has played, or nobody asked for them for long', async () => {
  const { clock, breakers } = setup();
  for (const key of ['a', 'b', 'c']) breakers.begin(key).failed('failed');
  expect(breakers.open).toBe(3);
  await clock.advance(250);
  // Its pause is over, and nobody knows yet how it is.
  expect(breakers.open).toBe(3);
  breakers.begin('a').played();
  expect(breakers.open).toBe(2);
  await clock.advance(11 * 60_000);
  expect(breakers.open).toBe(0);
});

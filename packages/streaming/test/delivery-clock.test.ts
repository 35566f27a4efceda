import { DeliveryClock } from '../src/delivery-clock.ts';

function setup(intervalMs: number) {
  let now = 0;
  let tick: (() => void) | undefined;
  let everyMs = 0;
  const clock = new DeliveryClock({
    intervalMs,
    now: () => now,
    setInterval: (run, ms) => {
      tick = run;
      everyMs = ms;
      return {};
    },
    clearInterval: () => {
      tick = undefined;
    },
  });
  return {
    clock,
    isRunning: () => tick !== undefined,
    advance(ms: number, late = false) {
      if (late) {
        now += ms;
        tick?.();
        return;
      }
      for (const end = now + ms; now < end; ) {
        now += everyMs;
        tick?.();
      }
    },
  };
}

function counter() {
  return {
    turns: 0,
    deliver() {
      this.turns += 1;
    },
  };
}

test('everybody gets one turn per interval, spread over phases', () => {
  const { clock, advance } = setup(100);
  const all = Array.from({ length: 25 }, counter);
  for (const one of all) clock.add(one);
  advance(10);
  expect(all.filter((one) => one.turns > 0).length).toBeLessThanOrEqual(3);
  advance(90);
  expect(all.map((one) => one.turns)).toEqual(all.map(() => 1));
  advance(300);
  expect(all.map((one) => one.turns)).toEqual(all.map(() => 4));
});

test('a late timer makes up for missed phases once, not for every missed interval', () => {
  const { clock, advance } = setup(100);
  const all = Array.from({ length: 10 }, counter);
  for (const one of all) clock.add(one);
  advance(1_000, true);
  expect(all.map((one) => one.turns)).toEqual(all.map(() => 1));
});

test('deliveries may leave during their turn', () => {
  const { clock, advance } = setup(20);
  const others = Array.from({ length: 12 }, counter);
  for (const one of others) clock.add(one);
  const leaving = {
    turns: 0,
    deliver() {
      this.turns += 1;
      clock.remove(this);
    },
  };
  clock.add(leaving);
  advance(40);
  expect(leaving.turns).toBe(1);
  expect(others.map((one) => one.turns)).toEqual(others.map(() => 2));
});

test('the timer runs only while somebody wants turns', () => {
  const { clock, isRunning } = setup(100);
  const one = counter();
  expect(isRunning()).toBe(false);
  clock.add(one);
  clock.add(one);
  expect(clock.size).toBe(1);
  expect(isRunning()).toBe(true);
  clock.remove(one);
  clock.remove(one);
  expect(isRunning()).toBe(false);
});

test('the last delivery may leave in a late turn and another one come in its place', () => {
  const { clock, advance } = setup(100);
  const next = counter();
  clock.add({
    deliver() {
      clock.remove(this);
      clock.add(next);
    },
  });
  advance(1_000, true);
  advance(100);
  expect(next.turns).toBeGreaterThan(0);
  expect(clock.size).toBe(1);
});

import { ArrivalLog } from '../../src/transcode/arrival-log.ts';

test('the end of the ring as it was, and when a byte came', () => {
  const log = new ArrivalLog(1_000);
  log.note(100, 0);
  log.note(200, 40);
  log.note(250, 45);
  log.note(400, 80);
  expect([-5, 0, 39, 40, 79, 80, 500].map((ms) => log.headAt(ms))).toEqual([
    100, 100, 100, 250, 250, 400, 400,
  ]);
  expect([100, 249, 250, 399, 400].map((offset) => log.arrivedMs(offset))).toEqual([
    40,
    40,
    80,
    80,
    undefined,
  ]);
  // When the oldest of what is known came is not known.
  expect(log.arrivedMs(99)).toBeUndefined();
});

test('what is old is forgotten', () => {
  const log = new ArrivalLog(1_000);
  for (let ms = 0; ms <= 10_000; ms += 20) log.note(ms, ms);
  expect(log.arrivedMs(5_000)).toBeUndefined();
  expect(log.headAt(0)).toBeGreaterThanOrEqual(8_000);
  expect(log.headAt(9_500)).toBe(9_500);
});

test('an empty log knows nothing', () => {
  const log = new ArrivalLog(1_000);
  expect(log.headAt(5)).toBe(0);
  expect(log.arrivedMs(0)).toBeUndefined();
});

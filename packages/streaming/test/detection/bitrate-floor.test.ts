import fc from 'fast-check';
import { BitrateFloor } from '../../src/detection/bitrate-floor.ts';
import { NULL_PID, packets, VIDEO_PID } from './transport.ts';

const SETTINGS = { bitrateFloorKbps: 500, bitrateFloorMs: 10_000 };

/** Delivers at a rate, in deliveries `everyMs` apart. Resolves with the ms after which it was found too low. */
function deliver(
  floor: BitrateFloor,
  kbps: number,
  everyMs: number,
  ms: number,
  startMs = 0,
  pid = VIDEO_PID,
) {
  let owed = 0;
  for (let now = startMs; now <= startMs + ms; now += everyMs) {
    const error = floor.push(packets(pid, Math.floor(owed / 188)), now);
    if (error) return { error, afterMs: now - startMs };
    owed = (owed % 188) + (kbps * everyMs) / 8;
  }
  return undefined;
}

test('a source under the floor is found after the window, and told with its rate', () => {
  const found = deliver(new BitrateFloor(SETTINGS), 200, 100, 60_000);
  expect(found?.afterMs).toBe(10_000);
  expect(found?.error).toMatchObject({ code: 'SOURCE_BITRATE_LOW', retryable: true });
  expect(found?.error.info.kbps).toBeGreaterThan(190);
  expect(found?.error.info.kbps).toBeLessThan(201);
});

test('a source that drops under the floor is found within a window and a tenth', () => {
  const floor = new BitrateFloor(SETTINGS);
  expect(deliver(floor, 4_000, 100, 60_000)).toBeUndefined();
  const found = deliver(floor, 20, 100, 30_000, 60_100);
  expect(found?.afterMs).toBeGreaterThan(8_000);
  expect(found?.afterMs).toBeLessThanOrEqual(11_000);
});

test('stuffing is no programme', () => {
  expect(deliver(new BitrateFloor(SETTINGS), 4_000, 100, 30_000, 0, NULL_PID)?.afterMs).toBe(10_000);
});

test('nothing at all is under any floor, and the verdict is taken back when enough comes again', () => {
  const floor = new BitrateFloor(SETTINGS);
  floor.push(packets(VIDEO_PID, 1_000), 0);
  expect(floor.check(9_000)).toBeUndefined();
  expect(floor.check(40_000)).toMatchObject({ code: 'SOURCE_BITRATE_LOW', info: { kbps: 0 } });
  for (let now = 40_000; now < 52_000; now += 100) floor.push(packets(VIDEO_PID, 200), now);
  expect(floor.check(52_000)).toBeUndefined();
});

test('0 is off', () => {
  expect(deliver(new BitrateFloor({ ...SETTINGS, bitrateFloorKbps: 0 }), 0, 100, 60_000)).toBeUndefined();
});

test('whatever the cut of deliveries, rates well off the floor are judged right', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 1_000 }),
      fc.integer({ min: 100, max: 3_000 }),
      (everyMs, kbps) => {
        fc.pre(Math.abs(kbps - 500) > 150);
        const found = deliver(new BitrateFloor(SETTINGS), kbps, everyMs, 40_000);
        expect(found !== undefined).toBe(kbps < 500);
      },
    ),
    { numRuns: 60 },
  );
});

test('segments that come in bursts every 6 s are one stream', () => {
  expect(deliver(new BitrateFloor(SETTINGS), 2_000, 6_000, 120_000)).toBeUndefined();
});

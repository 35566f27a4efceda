import { SlowEncoder } from '../../src/detection/slow-encoder.ts';

const SETTINGS = { slowSpeed: 0.95, slowMs: 30_000 };

/** Reports twice a second from `startMs` on; the timeline runs at `speed`. Returns the second in which it was found slow. */
function run(encoder: SlowEncoder, speed: number, seconds: number, from = { atMs: 0, outMs: 0 }) {
  for (let ms = 500; ms <= seconds * 1_000; ms += 500) {
    const error = encoder.push({ outTimeMs: from.outMs + ms * speed }, from.atMs + ms);
    if (error) return { error, atSecond: ms / 1_000 };
  }
  from.atMs += seconds * 1_000;
  from.outMs += seconds * 1_000 * speed;
  return undefined;
}

test('slow for half a minute is slow, and said with its speed', () => {
  const found = run(new SlowEncoder(SETTINGS), 0.8, 60);
  expect(found?.error).toMatchObject({ code: 'FFMPEG_SLOW', retryable: true, info: { speed: 0.8 } });
  expect(found?.atSecond).toBeGreaterThanOrEqual(30);
  expect(found?.atSecond).toBeLessThanOrEqual(36);
});

test('real time, spurts and short slowness are not', () => {
  const from = { atMs: 0, outMs: 0 };
  const encoder = new SlowEncoder(SETTINGS);
  expect(run(encoder, 1, 600, from)).toBeUndefined();
  for (let i = 0; i < 10; i++) {
    expect(run(encoder, 0.5, 20, from)).toBeUndefined();
    expect(run(encoder, 1.5, 10, from)).toBeUndefined();
  }
});

test('hours at real time do not hide that it is slow now', () => {
  const from = { atMs: 0, outMs: 0 };
  const encoder = new SlowEncoder(SETTINGS);
  expect(run(encoder, 1, 4 * 3_600, from)).toBeUndefined();
  expect(run(encoder, 0.9, 60, from)?.atSecond).toBeLessThanOrEqual(36);
});

test('once slow, a speed just above the threshold does not clear it', () => {
  const from = { atMs: 0, outMs: 0 };
  const encoder = new SlowEncoder(SETTINGS);
  expect(run(encoder, 0.9, 25, from)).toBeUndefined();
  expect(run(encoder, 0.96, 20, from)).toBeDefined();
  const recovered = new SlowEncoder(SETTINGS);
  const since = { atMs: 0, outMs: 0 };
  expect(run(recovered, 0.9, 25, since)).toBeUndefined();
  expect(run(recovered, 0.99, 300, since)).toBeUndefined();
});

test('a jump of the timeline is no work, and none that was missed', () => {
  const encoder = new SlowEncoder(SETTINGS);
  const from = { atMs: 0, outMs: 0 };
  for (const jumpMs of [3_600_000, -3_600_000, 50_000]) {
    expect(run(encoder, 1, 12, from)).toBeUndefined();
    from.outMs += jumpMs;
  }
  expect(run(encoder, 1, 40, from)).toBeUndefined();
  expect(encoder.speed).toBeCloseTo(1, 1);
});

test('FFmpeg’s own figure is used where it tells no time', () => {
  const encoder = new SlowEncoder(SETTINGS);
  let found: number | undefined;
  for (let ms = 500; ms <= 40_000; ms += 500) if (encoder.push({ speed: 0.7 }, ms)) found ??= ms;
  expect(found).toBe(30_500);
  expect(encoder.push({}, 41_000)).toBeUndefined();
});

test('reset forgets, 0 is off', () => {
  const encoder = new SlowEncoder(SETTINGS);
  const from = { atMs: 0, outMs: 0 };
  for (let i = 0; i < 10; i++) {
    expect(run(encoder, 0.5, 20, from)).toBeUndefined();
    encoder.reset();
  }
  expect(run(new SlowEncoder({ ...SETTINGS, slowSpeed: 0 }), 0.1, 120)).toBeUndefined();
});

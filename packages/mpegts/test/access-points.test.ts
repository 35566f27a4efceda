import { buildTables, type ProgramMap, TsScanner } from '../src/index.ts';
import { ACCEPT_ANY_AFTER, ACCEPT_WEAK_AFTER, VIDEO_MISSING_AFTER } from '../src/ts-scanner.ts';
import { H264, packet, program } from './build.ts';

/** Frames of 0.5 s each on the video PID; returns the indices of those reported as access points. */
function pointsOf(frames: readonly Buffer[], map: ProgramMap = program()): number[] {
  const found: number[] = [];
  const scanner = new TsScanner({ onAccessPoint: (point) => found.push(point.offset / 188) });
  const tables = buildTables(map);
  scanner.scan(tables, -tables.length);
  for (const [i, one] of frames.entries()) scanner.scan(one, i * 188);
  return found;
}

function frame(i: number, payload: Buffer, randomAccess = false): Buffer {
  return packet({ pid: 0x101, continuity: i & 15, pts: i * 45_000, payload, randomAccess });
}

test.each([
  ['IDR', H264.idr, [1]],
  ['recovery point', H264.recoveryPoint, [1]],
  ['P', H264.p, []],
  ['P behind an SPS', H264.pWithSps, []],
] as const)('H.264 %s, without flags', (_, payload, expected) => {
  expect(pointsOf([frame(0, H264.p), frame(1, payload), frame(2, H264.p)])).toEqual(expected);
});

test('a flag on every picture convinces nobody', () => {
  const frames = Array.from({ length: 20 }, (_, i) => frame(i, i % 4 === 0 ? H264.idr : H264.p, true));
  expect(pointsOf(frames)).toEqual([0, 4, 8, 12, 16]);
});

test('a decision may take several packets of an access unit', () => {
  const sei = Buffer.concat([Buffer.from('000000010605ffffff', 'hex'), Buffer.alloc(150, 0x55)]);
  const packets = [
    packet({ pid: 0x101, continuity: 0, pts: 0, payload: H264.p }),
    packet({ pid: 0x101, continuity: 1, pts: 3600, payload: sei }),
    packet({ pid: 0x102, continuity: 0, payload: Buffer.alloc(184) }),
    packet({ pid: 0x101, continuity: 2, payload: Buffer.alloc(184, 0x55) }),
    packet({ pid: 0x101, continuity: 3, payload: H264.idr }),
  ];
  expect(pointsOf(packets)).toEqual([1]);
});

test('doubtful pictures are taken when there has been no better one for long', () => {
  const frames = Array.from({ length: 50 }, (_, i) => frame(i, i % 10 === 9 ? H264.pWithSps : H264.p));
  const waited = ACCEPT_WEAK_AFTER / 45_000;
  const points = pointsOf(frames);
  expect(points[0]).toBe([9, 19, 29, 39].find((i) => i > waited));
  expect(points.slice(1)).toEqual([9, 19, 29, 39, 49].filter((i) => i > points[0]!));
  // A certain one ends the emergency.
  const better = [...frames.slice(0, 35), frame(35, H264.idr), ...frames.slice(36)];
  expect(pointsOf(better).filter((i) => i >= 35)).toEqual([35]);
});

test('any picture is taken when there has been no doubtful one either', () => {
  const frames = Array.from({ length: 130 }, (_, i) => frame(i, H264.p));
  const first = ACCEPT_ANY_AFTER / 45_000 + 1;
  expect(pointsOf(frames)).toEqual([first, 2 * first]);
});

test('a jump of the timestamps is not waiting', () => {
  const frames = [0, 1, 2, 3].map((i) => frame(i, H264.p));
  const later = packet({ pid: 0x101, pts: 90_000 * 1000, payload: H264.p });
  expect(pointsOf([...frames, later])).toEqual([]);
});

test('another codec, and scrambled video, are taken at the word of their flags', () => {
  const streams = [{ ...program().streams[0]!, streamType: 0x33, codec: 'other' as const }];
  const frames = [frame(0, H264.idr), frame(1, H264.p, true), frame(2, H264.p)];
  expect(pointsOf(frames, program({ streams }))).toEqual([1]);
  const scrambled = frames.map((one) => {
    const copy = Buffer.from(one);
    copy[3]! |= 0x80;
    return copy;
  });
  expect(pointsOf(scrambled)).toEqual([1]);
});

test('audio stands in where the declared video never comes', () => {
  const step = 22_500;
  const audio = Array.from({ length: 40 }, (_, i) =>
    packet({ pid: 0x102, continuity: i & 15, pts: i * step, payload: Buffer.alloc(100) }),
  );
  const points = pointsOf(audio);
  expect(points[0]).toBe(VIDEO_MISSING_AFTER / step + 1);
  for (let i = 1; i < points.length; i++) expect(points[i]! - points[i - 1]!).toBe(2);
  expect(pointsOf([frame(0, H264.idr), ...audio])).toEqual([0]);
});

test('an audio PES without timestamps counts by bytes', () => {
  const audioOnly = program({ streams: [program().streams[1]!], pcrPid: 0x1fff });
  const silent = Array.from({ length: 1000 }, (_, i) =>
    packet({ pid: 0x102, continuity: i & 15, payload: Buffer.alloc(184, 1), starts: true }),
  );
  const points = pointsOf(silent, audioOnly);
  expect(points[0]).toBe(0);
  expect(points[1]! * 188).toBeGreaterThanOrEqual(64 * 1024);
  expect(points).toHaveLength(3);
});

import { type AccessPoint, buildTables, PacketAligner, type ProgramMap, TsScanner } from '../src/index.ts';
import {
  type SampleName,
  sample,
  withoutRandomAccessFlags,
  withRandomAccessFlagsEverywhere,
} from './samples.ts';

function scan(
  ts: Buffer,
  size = 188 * 20,
): { points: AccessPoint[]; programs: ProgramMap[]; scanner: TsScanner } {
  const points: AccessPoint[] = [];
  const programs: ProgramMap[] = [];
  const scanner = new TsScanner({
    onProgram: (map) => programs.push(map),
    onAccessPoint: (point) => points.push(point),
  });
  for (let at = 0; at < ts.length; at += size) scanner.scan(ts.subarray(at, at + size), at);
  return { points, programs, scanner };
}

/** Offsets of the packets where FFmpeg, which knows, set random_access_indicator on a PID. */
function flagged(ts: Buffer, pid: number): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < ts.length; at += 188) {
    const flags = (ts[at + 3]! & 0x20) !== 0 && ts[at + 4]! > 0 ? ts[at + 5]! : 0;
    if ((ts.readUInt16BE(at + 1) & 0x1fff) === pid && (flags & 0x40) !== 0) offsets.push(at);
  }
  return offsets;
}

test.each([
  ['h264', 'h264', 'aac'],
  ['hevc', 'hevc', 'aac'],
  ['mpeg2', 'mpeg2video', 'mp1'],
] as [SampleName, string, string][])(
  '%s: keyframes are found, with and without their flags',
  (name, video, audio) => {
    const ts = sample(name);
    const keyframes = flagged(ts, 256);
    expect(keyframes).toHaveLength(3);
    for (const variant of [ts, withoutRandomAccessFlags(ts), withRandomAccessFlagsEverywhere(ts, 256)]) {
      for (const size of [188, 188 * 7, ts.length]) {
        const { points, programs } = scan(variant, size);
        expect(points.map((point) => point.offset)).toEqual(keyframes);
        expect(points.map((point) => Math.round((point.pts! - points[0]!.pts!) / 9000))).toEqual([0, 10, 20]);
        expect(programs).toHaveLength(1);
        expect(programs[0]!.streams.map((stream) => stream.codec)).toEqual([video, audio]);
      }
    }
  },
);

test('tables are those last seen, counters included, so that a joiner sees them go on', () => {
  const ts = sample('h264');
  for (const point of scan(ts).points) {
    const last = (pid: number) => {
      let at = point.offset - 188;
      while ((ts.readUInt16BE(at + 1) & 0x1fff) !== pid) at -= 188;
      return ts.subarray(at, at + 188);
    };
    expect(point.tables.equals(Buffer.concat([last(0), last(4096)]))).toBe(true);
  }
});

test('audio alone: a point every half second', () => {
  const { points, programs } = scan(sample('audio'));
  expect(programs[0]!.streams.map((stream) => stream.kind)).toEqual(['audio']);
  expect(points.length).toBeGreaterThanOrEqual(4);
  for (let i = 1; i < points.length; i++) {
    expect(points[i]!.pts! - points[i - 1]!.pts!).toBeGreaterThanOrEqual(45_000);
  }
});

test('languages of several audio tracks', () => {
  const { programs } = scan(sample('twoAudios'));
  expect(programs[0]!.streams.map(({ kind, language }) => [kind, language])).toEqual([
    ['video', undefined],
    ['audio', 'eng'],
    ['audio', 'deu'],
  ]);
});

test('192-byte packets, through the aligner', () => {
  const ts = Buffer.from(new PacketAligner().push(sample('m2ts')));
  const { points, programs } = scan(ts);
  const video = programs[0]!.streams.find((stream) => stream.kind === 'video')!;
  expect(points.map((point) => point.offset)).toEqual(flagged(ts, video.pid));
});

test('PIDs change in mid-stream: the old video PID is forgotten at once', () => {
  const before = sample('h264');
  const after = sample('otherPids');
  const { points, programs } = scan(Buffer.concat([before, after, before]));
  expect(programs.map((map) => [map.pmtPid, map.streams[0]!.pid])).toEqual([
    [0x1000, 0x100],
    [0x40, 0x200],
    [0x1000, 0x100],
  ]);
  expect(points.map((point) => point.offset)).toEqual([
    ...flagged(before, 0x100),
    ...flagged(after, 0x200).map((at) => at + before.length),
    ...flagged(before, 0x100).map((at) => at + before.length + after.length),
  ]);
  // Packets of the old video PID between the new map and its own streams are nothing.
  const stray = Buffer.concat([before, after.subarray(0, 188 * 3), before.subarray(188 * 3)]);
  expect(scan(stray).points.some((point) => point.offset === before.length + 188 * 3)).toBe(false);
});

function program(overrides: Partial<ProgramMap> = {}): ProgramMap {
  return {
    transportStreamId: 1,
    programNumber: 1,
    pmtPid: 0x100,
    pcrPid: 0x101,
    version: 0,
    descriptors: Buffer.alloc(0),
    streams: [{ pid: 0x101, streamType: 0x1b, kind: 'video', codec: 'h264', descriptors: Buffer.alloc(0) }],
    ...overrides,
  };
}

test('a map over several packets is put together, and its tables count up to the last counter seen', () => {
  const audio = Array.from({ length: 20 }, (_, i) => ({
    pid: 0x200 + i,
    streamType: 0x0f,
    kind: 'audio' as const,
    codec: 'aac' as const,
    language: 'fra',
    descriptors: Buffer.from('0a0466726100', 'hex'),
  }));
  const map = program({ streams: [...program().streams, ...audio] });
  const tables = buildTables(map, { pat: 4, pmt: 14 });
  expect(tables.length).toBe(188 * 3);
  const { programs, scanner } = scan(tables, 188);
  expect(programs).toEqual([map]);
  expect(scanner.tables!.equals(tables)).toBe(true);
  // Its second half lost, it is not taken.
  expect(scan(tables.subarray(0, 188 * 2)).programs).toHaveLength(0);
});

test('a damaged map is not taken, a repeated one is reported once, a changed one again', () => {
  const damaged = buildTables(program());
  damaged[188 + 20]! ^= 1;
  expect(scan(damaged).programs).toHaveLength(0);
  const next = program({ version: 1, pcrPid: 0x1fff });
  const repeated = Buffer.concat([
    buildTables(program()),
    buildTables(program(), { pat: 1, pmt: 1 }),
    buildTables(next, { pat: 2, pmt: 2 }),
  ]);
  expect(scan(repeated).programs).toEqual([program(), next]);
});

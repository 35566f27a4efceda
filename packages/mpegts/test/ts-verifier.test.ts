import { buildTables, TsVerifier } from '../src/index.ts';
import { verify } from './bench.ts';
import { H264, packet, program } from './build.ts';
import { type SampleName, sample } from './samples.ts';

const names: SampleName[] = ['h264', 'hevc', 'mpeg2', 'audio', 'twoAudios', 'm2ts', 'openGop'];

test.each(names)('%s, as FFmpeg made it, is without a fault', (name) => {
  const ts = sample(name);
  const verifier = new TsVerifier({ longestStepMs: 1000 });
  for (let at = 0; at < ts.length; at += 5000) verifier.push(ts.subarray(at, at + 5000));
  const verdict = verifier.verdict(true);
  expect(verdict).toMatchObject({
    bytes: ts.length,
    packets: Math.round(ts.length / (name === 'm2ts' ? 192 : 188)),
    syncErrors: 0,
    continuityErrors: 0,
    discontinuities: 0,
    transportErrors: 0,
    timeFaultList: [],
  });
  expect(verdict.firstAccessPoint).toBe(3 * 188); // SDT, PAT, PMT come first
  expect(verdict.startsClean).toBe(false); // because of the SDT
  expect(verify(ts.subarray(name === 'm2ts' ? 192 : 188)).startsClean).toBe(true);
});

/** So many packets of a PID that count up. */
function counting(count: number, pid = 0x101, from = 0): Buffer[] {
  return Array.from({ length: count }, (_, i) =>
    packet({ pid, continuity: (from + i) & 15, payload: Buffer.alloc(184, 1) }),
  );
}

test('a lost packet is one continuity error, on its PID', () => {
  const packets = [...counting(20), ...counting(20, 0x102)];
  packets.splice(25, 1);
  const verdict = verify(Buffer.concat(packets));
  expect(verdict.continuityErrors).toBe(1);
  expect([...verdict.continuityErrorsByPid]).toEqual([[0x102, 1]]);
});

test('a packet may be sent twice, not three times', () => {
  const packets = counting(10);
  const twice = [...packets.slice(0, 5), packets[4]!, ...packets.slice(5)];
  expect(verify(Buffer.concat(twice)).continuityErrors).toBe(0);
  const thrice = [...packets.slice(0, 5), packets[4]!, packets[4]!, ...packets.slice(5)];
  expect(verify(Buffer.concat(thrice)).continuityErrors).toBe(1);
});

test('a packet without payload does not count', () => {
  const packets = counting(10);
  const still = packet({ pid: 0x101, continuity: 4, pcr: 1000 });
  expect(verify(Buffer.concat([...packets.slice(0, 5), still, ...packets.slice(5)])).continuityErrors).toBe(
    0,
  );
  const counted = packet({ pid: 0x101, continuity: 5, pcr: 1000 });
  const wrong = [...packets.slice(0, 5), counted, ...packets.slice(5)];
  expect(verify(Buffer.concat(wrong)).continuityErrors).toBe(1);
});

test('discontinuity_indicator excuses a gap, null packets need no excuse', () => {
  const packets = [
    ...counting(5),
    packet({ pid: 0x101, continuity: 11, discontinuity: true }),
    ...counting(5, 0x101, 12),
    ...counting(3, 0x1fff, 4),
    ...counting(3, 0x1fff, 4),
  ];
  const verdict = verify(Buffer.concat(packets));
  expect(verdict).toMatchObject({ continuityErrors: 0, discontinuities: 1 });
});

test('garbage is a sync error', () => {
  const packets = counting(20);
  const bytes = Buffer.concat([...packets.slice(0, 10), Buffer.alloc(77), ...packets.slice(10)]);
  expect(verify(bytes)).toMatchObject({ syncErrors: 1, bytesDropped: 77, continuityErrors: 0, packets: 20 });
});

test('time that goes back or jumps is listed, time that wraps is not', () => {
  const times = [8589934000, 8589937600 % 2 ** 33, 6000, 5000, 500_000];
  const frames = times.map((pts, i) => packet({ pid: 0x101, continuity: i, pts, pcr: pts, payload: H264.p }));
  const { timeFaultList, timeFaults } = verify(Buffer.concat(frames));
  expect(timeFaults).toBe(4);
  expect(timeFaultList.map(({ clock, fault, from, to, offset }) => [clock, fault, from, to, offset])).toEqual(
    [
      ['pcr', 'back', 6000, 5000, 564],
      ['pts', 'back', 6000, 5000, 564],
      ['pcr', 'jump', 5000, 500_000, 752],
      ['pts', 'jump', 5000, 500_000, 752],
    ],
  );
  const cheap = new TsVerifier({ timestamps: false });
  cheap.push(Buffer.concat(frames));
  expect(cheap.verdict(true).timeFaults).toBe(0);
});

test('a picture shown before it is decoded is a fault', () => {
  const frame = packet({ pid: 0x101, pts: 1000, dts: 2000, payload: H264.p });
  expect(verify(frame).timeFaultList).toMatchObject([{ clock: 'pts', fault: 'early' }]);
});

test('a clean start is PAT, PMT, keyframe, and nothing before', () => {
  const key = packet({ pid: 0x101, pts: 9000, payload: H264.idr });
  const other = packet({ pid: 0x101, pts: 9000, payload: H264.p });
  const tables = buildTables(program());
  expect(verify(Buffer.concat([tables, key]))).toMatchObject({ startsClean: true, firstAccessPoint: 376 });
  expect(verify(Buffer.concat([tables, other, key]))).toMatchObject({
    startsClean: false,
    firstAccessPoint: 564,
  });
  expect(verify(Buffer.concat([key, tables, key])).startsClean).toBe(false);
  expect(verify(Buffer.concat([tables, other])).firstAccessPoint).toBe(undefined);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  AccessUnitCollector,
  buildTables,
  type ElementaryStream,
  PidExcerpt,
  type ProgramMap,
  TsScanner,
  UnitSizes,
} from '../src/index.ts';
import { run, type SampleName, sample, temporaryFolder } from './samples.ts';

const BUDGET = 1_000_000;

interface Media {
  readonly bytes: Buffer;
  readonly program: ProgramMap;
  readonly video: ElementaryStream;
  readonly audio: ElementaryStream;
}

function media(name: SampleName, seconds: number, extra: readonly string[] = []): Media {
  const bytes = sample(name, seconds, extra);
  const scanner = new TsScanner();
  scanner.scan(bytes, 0);
  const program = scanner.program!;
  const find = (kind: string) => program.streams.find((stream) => stream.kind === kind)!;
  return { bytes, program, video: find('video'), audio: find('audio') };
}

interface Packet {
  readonly pts: number;
  readonly size: number;
  readonly key: boolean;
}

/** What ffprobe finds of one kind in a stream. */
function probe(bytes: Buffer, kind: 'v' | 'a'): Packet[] {
  const path = join(temporaryFolder(), 'probed.ts');
  writeFileSync(path, bytes);
  const args = ['-v', 'error', '-of', 'json', '-select_streams', kind];
  const out = run('ffprobe', [...args, '-show_entries', 'packet=pts_time,size,flags', path]);
  const { packets } = JSON.parse(out) as { packets: { pts_time: string; size: string; flags: string }[] };
  return packets.map((p) => ({
    pts: Number(p.pts_time),
    size: Number(p.size),
    key: p.flags.startsWith('K'),
  }));
}

/** Packets behind tables that list their stream alone. */
function alone({ program }: Media, stream: ElementaryStream, packets: Buffer): Buffer {
  return Buffer.concat([buildTables({ ...program, pcrPid: stream.pid, streams: [stream] }), packets]);
}

/** From somewhere in the middle of a GOP on. */
function tail(bytes: Buffer): Buffer {
  return bytes.subarray(Math.floor(bytes.length / 188 / 2.4) * 188);
}

describe('AccessUnitCollector', () => {
  test.each(['h264', 'hevc', 'mpeg2', 'openGop'] as const)(
    'takes one keyframe of %s, decodable alone',
    (name) => {
      const it = media(name, 3);
      const unit = new AccessUnitCollector(it.video, BUDGET).push(tail(it.bytes))!;
      const taken = probe(alone(it, it.video, unit), 'v');
      expect(taken).toHaveLength(1);
      expect(probe(it.bytes, 'v').find(({ pts }) => pts === taken[0]!.pts)).toEqual(taken[0]);
      expect(taken[0]!.key).toBe(true);
      writeFileSync(join(temporaryFolder(), 'unit.ts'), alone(it, it.video, unit));
      const frames = ['-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0'];
      expect(run('ffprobe', ['-v', 'error', ...frames, join(temporaryFolder(), 'unit.ts')]).trim()).toMatch(
        /^1/,
      );
    },
  );

  test('takes the same unit however the stream is cut into runs', () => {
    const { bytes, video } = media('h264', 3);
    const start = bytes.length - tail(bytes).length;
    const whole = new AccessUnitCollector(video, BUDGET).push(bytes.subarray(start))!;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (cuts) => {
        const collector = new AccessUnitCollector(video, BUDGET);
        let unit: Buffer | undefined;
        for (let at = start, i = 0; at < bytes.length && !unit; i++) {
          const end = at + cuts[i % cuts.length]! * 188;
          // Runs live in memory that is used again.
          const piece = Buffer.from(bytes.subarray(at, end));
          unit = collector.push(piece);
          piece.fill(0);
          at = end;
        }
        expect(unit?.equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('passes over units with a lost packet, scrambled ones, and those over its budget', () => {
    const { bytes, video } = media('h264', 3);
    const first = new AccessUnitCollector(video, BUDGET).push(bytes)!;
    expect(new AccessUnitCollector(video, first.length).push(bytes)?.equals(first)).toBe(true);
    expect(new AccessUnitCollector(video, first.length - 188).push(bytes)?.equals(first)).not.toBe(true);
    expect(new AccessUnitCollector(video, 188).push(bytes)).toBeUndefined();
    const at = bytes.indexOf(first.subarray(188, 376));
    expect(at).toBeGreaterThan(0);
    const holed = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 188)]);
    expect(new AccessUnitCollector(video, BUDGET).push(holed)?.equals(first)).toBe(false);
    // A packet sent twice (§2.4.3.3) is no loss, and taken once.
    const doubled = Buffer.concat([bytes.subarray(0, at + 188), bytes.subarray(at)]);
    expect(new AccessUnitCollector(video, BUDGET).push(doubled)?.equals(first)).toBe(true);
    const scrambled = Buffer.from(bytes);
    for (let p = 0; p < scrambled.length; p += 188) scrambled[p + 3]! |= 0x80;
    expect(new AccessUnitCollector(video, BUDGET).push(scrambled)).toBeUndefined();
  });
});

describe('PidExcerpt', () => {
  test('takes as much audio as asked for, of one PID, in whole units', () => {
    const it = media('twoAudios', 6);
    const packets = new PidExcerpt(it.audio.pid, 2_000, BUDGET).push(it.bytes.subarray(188 * 50))!;
    const taken = probe(alone(it, it.audio, packets), 'a');
    const played = taken.at(-1)!.pts - taken[0]!.pts;
    expect(played).toBeGreaterThan(1.9);
    expect(played).toBeLessThan(2.3);
    const all = probe(it.bytes, 'a');
    for (const { pts, size } of taken) expect(all).toContainEqual({ pts, size, key: true });
  });

  test('begins anew when the clock jumps, and ends at its budget', () => {
    const it = media('h264', 6);
    const again = Buffer.concat([tail(it.bytes), it.bytes]);
    const packets = new PidExcerpt(it.audio.pid, 5_000, BUDGET).push(again)!;
    const times = probe(alone(it, it.audio, packets), 'a').map(({ pts }) => pts);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(4.5);
    expect(new PidExcerpt(it.audio.pid, 5_000, 10 * 188).push(it.bytes)?.length).toBe(10 * 188);
  });
});

describe('UnitSizes', () => {
  function sizes({ bytes, video }: Media): number[] {
    const all: number[] = [];
    new UnitSizes(video.pid, (size) => all.push(size)).push(bytes);
    return all;
  }

  test.each(['h264', 'hevc', 'mpeg2'] as const)('tells each %s picture’s bytes and PES header', (name) => {
    const it = media(name, 3);
    const told = sizes(it);
    const real = probe(it.bytes, 'v');
    // The last picture is over only when the next one begins.
    expect(told).toHaveLength(real.length - 1);
    for (const [i, size] of told.entries()) {
      expect(size - real[i]!.size).toBeGreaterThanOrEqual(9);
      expect(size - real[i]!.size).toBeLessThan(30);
    }
  });

  test('filler is no picture', () => {
    const rate = ['-b:v', '2M', '-minrate', '2M', '-maxrate', '2M', '-bufsize', '2M'];
    const still = ['-vf', 'trim=end_frame=1,loop=-1:1:0,setpts=N/25/TB'];
    const filler = ['-x264-params', 'keyint=25:min-keyint=25:scenecut=0:nal-hrd=cbr:filler=1'];
    const it = media('h264', 4, [...still, ...rate, ...filler]);
    const gross = probe(it.bytes, 'v').map(({ size }) => size);
    const told = sizes(it);
    const median = (list: number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
    expect(median(gross)).toBeGreaterThan(6_000);
    expect(median(told)).toBeLessThan(600);
  });
});

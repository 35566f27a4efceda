import fc from 'fast-check';
import { crc32, type ProgramMap, packetizeSection } from '../src/index.ts';
import { findPesTimes } from '../src/pes.ts';
import { shiftClocks, shiftSpliceInfo, stripPayload, stripPcr } from '../src/splice/packet-edit.ts';
import { mapPids } from '../src/splice/pid-mapping.ts';
import { Timeline } from '../src/splice/timeline.ts';
import {
  addTicks,
  readClockBase,
  readTimestamp,
  tickDifference,
  writeClockBase,
  writeTimestamp,
} from '../src/timestamps.ts';
import { packet, program } from './build.ts';

const timestamp = fc.integer({ min: 0, max: 2 ** 33 - 1 });

describe('timestamps', () => {
  test('are written as they are read', () => {
    fc.assert(
      fc.property(timestamp, (value) => {
        const bytes = Buffer.from('3100010001ff', 'hex');
        writeTimestamp(bytes, 0, value);
        expect(readTimestamp(bytes, 0)).toBe(value);
        expect([bytes[0]! & 0xf1, bytes[2]! & 1, bytes[4]! & 1]).toEqual([0x31, 1, 1]);
        const clock = Buffer.from('00000000 7f2c'.replace(' ', ''), 'hex');
        writeClockBase(clock, 0, value);
        expect(readClockBase(clock, 0)).toBe(value);
        expect([clock[4]! & 0x7f, clock[5]]).toEqual([0x7f, 0x2c]);
      }),
    );
  });

  test('differences are taken the short way round', () => {
    fc.assert(
      fc.property(timestamp, fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }), (value, step) => {
        expect(tickDifference(addTicks(value, step), value)).toBe(step);
      }),
    );
  });
});

describe('packets', () => {
  test('PCR and OPCR move, a PCR can be taken out, a payload too', () => {
    const made = packet({ pid: 0x101, pcr: 2 ** 33 - 10, payload: Buffer.alloc(100, 7) });
    made[5]! |= 0x08;
    writeClockBase(made, 12, 500);
    expect(shiftClocks(made, 0, 20)).toBe(10);
    expect([readClockBase(made, 6), readClockBase(made, 12)]).toEqual([10, 520]);
    stripPcr(made, 0);
    expect(made[5]).toBe(0x08);
    expect(readClockBase(made, 6)).toBe(520);
    expect(made.subarray(88).equals(Buffer.alloc(100, 7))).toBe(true);
    stripPayload(made, 0);
    expect([made[3]! & 0x30, made[4], made[187]]).toEqual([0x20, 183, 0xff]);
    expect(readClockBase(made, 6)).toBe(520);
  });

  test('splice times (SCTE 35) move by their pts_adjustment', () => {
    const section = Buffer.from('fc301100 01fffffff0 00 fff000 0000 0000 00000000'.replace(/ /g, ''), 'hex');
    section.writeUInt16BE(0x3000 | (section.length - 3), 1);
    section.writeUInt32BE(crc32(section, 0, section.length - 4), section.length - 4);
    const made = packetizeSection(0x200, section);
    shiftSpliceInfo(made, 0, 0x20);
    expect(made.subarray(5 + 4, 5 + 9).toString('hex')).toBe('0000000010');
    expect(crc32(made, 5, 5 + section.length)).toBe(0);
    // A damaged one is not touched.
    const damaged = packetizeSection(0x200, section);
    damaged[15]! ^= 1;
    const before = Buffer.from(damaged);
    shiftSpliceInfo(damaged, 0, 0x20);
    expect(damaged.equals(before)).toBe(true);
  });

  test('PES headers: none, without times, cut off by the end of the packet', () => {
    const times = { pts: 0, dts: 0 };
    expect(findPesTimes(packet({ pid: 1, payload: Buffer.alloc(10) }), 0, times)).toBe('none');
    const whole = packet({ pid: 1, pts: 5, dts: 4, payload: Buffer.alloc(1) });
    expect(findPesTimes(whole, 0, times)).toBe('found');
    expect([readTimestamp(whole, times.pts), readTimestamp(whole, times.dts)]).toEqual([5, 4]);
    const header = whole.subarray(168);
    const split = packet({ pid: 1, starts: true, payload: header.subarray(0, 16) });
    expect(findPesTimes(split, 0, times)).toBe('split');
    const tiny = packet({ pid: 1, starts: true, payload: header.subarray(0, 5) });
    expect(findPesTimes(tiny, 0, times)).toBe('split');
  });
});

describe('mapping PIDs', () => {
  const none = Buffer.alloc(0);
  const language = (code: string) => Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from(`${code}\0`)]);
  const audio = (pid: number, code: string) => ({
    ...{ pid, streamType: 0x0f, kind: 'audio' as const, codec: 'aac' as const },
    ...{ language: code, descriptors: language(code) },
  });
  const video = (pid: number) => ({ ...program().streams[0]!, pid });
  const pidsOf = (established: ProgramMap, source: ProgramMap) => {
    const { map, pids } = mapPids(established, source);
    return { version: map.version, map, out: source.streams.map((stream) => pids[stream.pid]) };
  };
  const output = program({ streams: [video(0x101), audio(0x102, 'eng'), audio(0x103, 'deu')] });

  test('by language, in whatever order they stand', () => {
    const source = program({
      pcrPid: 0x30,
      streams: [audio(0x31, 'deu'), audio(0x32, 'eng'), video(0x30)],
    });
    const { map, out } = pidsOf(output, source);
    expect(out).toEqual([0x103, 0x102, 0x101]);
    expect(map).toBe(output);
  });

  test('another language on the same PID is told', () => {
    const source = program({ streams: [video(0x101), audio(0x102, 'eng'), audio(0x103, 'fra')] });
    const { map, out, version } = pidsOf(output, source);
    expect(out).toEqual([0x101, 0x102, 0x103]);
    expect(version).toBe(1);
    expect(map.streams.map((stream) => stream.language)).toEqual([undefined, 'eng', 'fra']);
  });

  test('another codec gets another PID, free in the output', () => {
    const hevc = { ...video(0x102), streamType: 0x24, codec: 'hevc' as const };
    const source = program({ pcrPid: 0x102, streams: [hevc, audio(0x101, 'eng'), audio(0x100, 'deu')] });
    const { map, out } = pidsOf(output, source);
    expect(out.slice(1)).toEqual([0x102, 0x103]);
    expect([0x100, 0x101, 0x102, 0x103]).not.toContain(out[0]);
    expect(map.pcrPid).toBe(out[0]);
    expect(map.pmtPid).toBe(output.pmtPid);
  });

  test('subtitles with other pages are told, an unknown language is no change', () => {
    const subtitle = (hex: string) => ({
      ...{ pid: 0x110, streamType: 6, kind: 'subtitle' as const, codec: 'dvb-subtitle' as const },
      descriptors: Buffer.from(hex, 'hex'),
    });
    const withSubtitle = program({ streams: [video(0x101), subtitle('59086672611000010001')] });
    const paged = program({ streams: [video(0x101), subtitle('59086672611000020002')] });
    expect(mapPids(withSubtitle, withSubtitle).map).toBe(withSubtitle);
    expect(mapPids(withSubtitle, paged).map.version).toBe(1);
    const plain = program({
      streams: [video(0x101), { ...audio(0x102, 'eng'), descriptors: none }, audio(0x103, 'deu')].map(
        ({ pid, streamType, kind, codec }) => ({ pid, streamType, kind, codec, descriptors: none }),
      ),
    });
    expect(mapPids(output, plain).map).toBe(output);
  });

  test('a clock on a PID of its own keeps it', () => {
    const apart = program({ pcrPid: 0x1f0 });
    const source = program({ pcrPid: 0x1f5 });
    expect(mapPids(apart, source).map).toBe(apart);
    expect(mapPids(apart, source).pids[0x1f5]).toBe(0x1f0);
    expect(mapPids(program(), source).map).toMatchObject({ pcrPid: 0x1f5, version: 1 });
  });
});

describe('the timeline', () => {
  const frame = (pts: number, pid = 0x101) => packet({ pid, pts, payload: Buffer.alloc(20) });

  /** A timeline that has followed a second of video, 25 frames a second, in real time. */
  function running(): Timeline {
    const timeline = new Timeline(true);
    timeline.mainPid = 0x101;
    timeline.pcrPid = 0x101;
    for (let i = 0; i <= 25; i++) {
      expect(timeline.follow(frame(i * 3600), 0)).toBe(188);
      timeline.notePace(1000 + i * 40);
    }
    return timeline;
  }

  test('goes on after as long as nothing came', () => {
    const first = { dts: 5000, pts: 5000 };
    for (const silentMs of [0, 100, 5000, 600_000]) {
      const target = addTicks(first.dts, running().anchor(first, 2000 + silentMs));
      expect(tickDifference(target, 90_000)).toBe(Math.max(3600, silentMs * 90));
    }
  });

  test('keeps to the wall clock over many seams, whatever reads and frames are batched by', () => {
    const timeline = new Timeline(true);
    timeline.mainPid = 0x101;
    timeline.pcrPid = 0x101;
    let nowMs = 1000;
    let dts = 0;
    const deliver = (frames: number): void => {
      for (; frames > 0; frames--) {
        timeline.follow(frame(dts), 0);
        dts += 3600;
      }
      timeline.notePace(nowMs);
    };
    const ahead = (): number => timeline.mainDts! / 90 - nowMs;
    deliver(5);
    const atFirst = ahead();
    for (let seam = 0; seam < 30; seam++) {
      for (let batch = 0; batch < 20; batch++) {
        nowMs += 200;
        deliver(5);
      }
      // Silent for 400 ms, then another source begins with a keyframe.
      nowMs += 400;
      const first = { dts: 777_000, pts: 777_000 };
      dts = addTicks(first.dts, timeline.anchor(first, nowMs));
      timeline.rejoin({ dts, pts: dts });
      deliver(1);
      nowMs += 40;
      deliver(1);
    }
    expect(Math.abs(ahead() - atFirst)).toBeLessThan(100);
  });

  test('what comes in segments is early by what players keep of it', () => {
    const timeline = new Timeline(true);
    timeline.mainPid = 0x101;
    timeline.pcrPid = 0x101;
    for (let segment = 0; segment < 4; segment++) {
      for (let i = 0; i < 100; i++) timeline.follow(frame((segment * 100 + i) * 3600), 0);
      timeline.notePace(1000 + segment * 4000);
    }
    // Two of four seconds were watched.
    const target = addTicks(5000, timeline.anchor({ dts: 5000, pts: 5000 }, 1000 + 3 * 4000 + 2000));
    expect(tickDifference(target, 399 * 3600)).toBe(3600);
  });

  test('stays behind every picture that is to be shown, and the clock', () => {
    const timeline = running();
    timeline.notePes(0x101, 93_600, 93_600 + 9000);
    expect(timeline.anchor({ dts: 0, pts: 0 }, 2040)).toBe(93_600 + 9001);
    timeline.pcr = 90_000;
    expect(timeline.anchor({ dts: 180_000, pts: 200_000, pcr: 60_000 }, 2040)).toBe(90_000 - 60_000 + 1);
    // A clock that has nothing to do with the pictures is not waited for.
    expect(timeline.anchor({ dts: 900_000, pts: 910_000, pcr: 0 }, 2040)).toBe(93_600 + 3600 - 900_000);
  });

  test('a stream that goes its own way tells no jump, unless it was in step', () => {
    const timeline = running();
    expect(timeline.suspectsPes(0x102, 9_000_000)).toBe(false);
    timeline.notePes(0x102, 9_000_000, 9_000_000);
    expect(timeline.suspectsPes(0x102, 1_000_000_000)).toBe(false);
    timeline.notePes(0x103, 90_000, 90_000);
    expect(timeline.suspectsPes(0x103, 9_000_000)).toBe(true);
    expect(timeline.suspect).toEqual({ pid: 0x103, dts: 9_000_000 });
    timeline.dismissSuspect();
    expect(timeline.suspectsPes(0x103, 9_003_600)).toBe(false);
  });

  test('steps back are jumps from a fifth of a second on, steps ahead from ten seconds on', () => {
    const timeline = running();
    expect(timeline.suspectsPes(0x101, 90_000 - 17_000)).toBe(false);
    expect(timeline.suspectsPes(0x101, 90_000 - 19_000)).toBe(true);
    expect(timeline.suspectsPes(0x101, 90_000 + 899_000)).toBe(false);
    expect(timeline.suspectsPes(0x101, 90_000 + 901_000)).toBe(true);
    expect(timeline.hasJumpedTo(90_000 + 901_000, undefined, 2000)).toBe(true);
    expect(timeline.hasJumpedTo(90_000 + 901_000, undefined, 12_000)).toBe(false);
    expect(timeline.hasJumpedTo(90_000 + 901_000, 90_000 + 904_600, 2000)).toBe(true);
    // One damaged timestamp among good ones.
    expect(timeline.hasJumpedTo(90_000 + 901_000, 97_200, 2000)).toBe(false);
  });
});

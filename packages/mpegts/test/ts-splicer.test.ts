import fc from 'fast-check';
import { discontinuityPackets, tickDifference } from '../src/index.ts';
import { findPesTimes } from '../src/pes.ts';
import { Bench, decodeErrors, FAULTLESS, verify, writeTemporary } from './bench.ts';
import { run, type SampleName, sample } from './samples.ts';

test('the first source goes out byte for byte', () => {
  const ts = sample('h264');
  const bench = new Bench();
  bench.play(bench.splicer.open(), ts, 3);
  expect(bench.output.equals(ts)).toBe(true);
  expect(bench.accessPoints).toHaveLength(3);
  expect(bench.programs).toHaveLength(1);
});

/** So many frames, and at the seam no more than what the first source was lately early by: its bytes come unevenly. */
function expectJoined(ticks: number, frames: number): void {
  expect(ticks).toBeGreaterThanOrEqual(frames * 3600);
  expect(ticks).toBeLessThan((frames + 3) * 3600);
}

describe('two sources are one stream without a fault', () => {
  const pairs: [SampleName, SampleName, 'same map' | 'next map'][] = [
    ['h264', 'h264', 'same map'],
    ['h264', 'otherPids', 'same map'],
    ['hevc', 'hevc', 'same map'],
    ['mpeg2', 'mpeg2', 'same map'],
    ['audio', 'audio', 'same map'],
    // Its clock has a PID of its own.
    ['h264', 'm2ts', 'next map'],
    ['h264', 'twoAudios', 'next map'],
    ['twoAudios', 'h264', 'next map'],
    ['h264', 'hevc', 'next map'],
    ['h264', 'audio', 'next map'],
  ];

  test.each(pairs)('%s, then %s: %s', (first, second, map) => {
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample(first), 3);
    bench.nowMs += 500;
    const seamAt = bench.splicer.offset;
    const feed = bench.splicer.open();
    expect(feed.active).toBe(false);
    const next = sample(second);
    // Joined in the middle, as a live source is.
    bench.play(feed, next.subarray(Math.floor(next.length / 5)), 2.4);
    expect(feed.active).toBe(true);
    // Half a second of silence, and up to a GOP until the next keyframe.
    expect(verify(bench.output, 1_500)).toMatchObject(FAULTLESS);
    // HEVC: the packet that ends the old sequence comes first.
    const behind = bench.output.subarray(seamAt + (first === 'hevc' ? 188 : 0));
    expect(verify(behind).startsClean).toBe(true);
    expect(decodeErrors(behind)).toBe('');
    expect(bench.programs.map(({ version }) => version)).toEqual(map === 'same map' ? [0] : [0, 1]);
    if (map === 'same map') expect(decodeErrors(bench.output)).toBe('');
    expect(bench.seams.map(({ offset, seam }) => [offset, seam!.reason])).toEqual([[seamAt, 'source']]);
  });
});

test('the clock that is told goes on over seams, and is never a DTS in place of a PCR to come', () => {
  const bench = new Bench();
  for (let source = 0; source < 4; source++) {
    bench.play(bench.splicer.open(), sample('m2ts'), 3, 376);
    bench.nowMs += 40;
  }
  const told = bench.marks.flatMap(({ pcr }) => pcr ?? []);
  const steps = told.slice(1).map((pcr, i) => tickDifference(pcr, told[i]!));
  expect(bench.seams).toHaveLength(3);
  expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...steps)).toBeLessThan(0.4 * 90_000);
});

test('ffprobe sees one timeline over three sources, with every frame behind the seams', () => {
  const bench = new Bench();
  for (let i = 0; i < 3; i++) bench.play(bench.splicer.open(), sample('h264'));
  const rows = run('ffprobe', [
    ...['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=dts', '-of', 'csv=p=0'],
    writeTemporary(bench.output),
  ]);
  const dts = rows
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  expect(dts).toHaveLength(3 * 75);
  for (let i = 1; i < dts.length; i++) expect(dts[i]! - dts[i - 1]!).toBe(3600);
});

test.each([1, 187, 188, 4000, 70_000])(
  'a source that breaks off anywhere (cut %i bytes early)',
  (missing) => {
    const ts = sample('h264');
    const bench = new Bench();
    bench.play(bench.splicer.open(), ts.subarray(0, ts.length - missing), 3);
    bench.play(bench.splicer.open(), ts, 3);
    const verdict = verify(bench.output);
    expect(verdict).toMatchObject(FAULTLESS);
    expect(bench.seams).toHaveLength(1);
  },
);

test('any cut of the sources gives the same output', () => {
  const [first, second] = [sample('h264'), sample('otherPids').subarray(10_000)];
  const splice = (cuts: readonly number[]) => {
    const bench = new Bench();
    for (const ts of [first, second]) {
      const feed = bench.splicer.open();
      let from = 0;
      for (const to of [...cuts.filter((cut) => cut < ts.length).sort((a, b) => a - b), ts.length]) {
        feed.push(Buffer.from(ts.subarray(from, to)));
        from = to;
      }
    }
    return bench.output;
  };
  const expected = splice([]);
  expect(verify(expected)).toMatchObject(FAULTLESS);
  fc.assert(
    fc.property(fc.array(fc.nat(Math.min(first.length, second.length)), { maxLength: 60 }), (cuts) => {
      expect(splice(cuts).equals(expected)).toBe(true);
    }),
    { numRuns: 12 },
  );
});

test('whatever is damaged in a source, what goes out are whole packets and time goes on at the seam', () => {
  const [first, second] = [sample('h264'), sample('otherPids')];
  const damage = fc.array(
    fc.record({ at: fc.nat(first.length), lost: fc.nat(500), put: fc.uint8Array({ maxLength: 300 }) }),
    { maxLength: 4 },
  );
  const damaged = (ts: Buffer, places: { at: number; lost: number; put: Uint8Array }[]) => {
    let made = ts;
    for (const { at, lost, put } of places) {
      made = Buffer.concat([made.subarray(0, at), put, made.subarray(at + lost)]);
    }
    return made;
  };
  fc.assert(
    fc.property(damage, damage, (inFirst, inSecond) => {
      const bench = new Bench();
      bench.play(bench.splicer.open(), damaged(first, inFirst), 3);
      bench.play(bench.splicer.open(), damaged(second, inSecond), 3);
      const output = bench.output;
      expect(verify(output).bytesDropped).toBe(0);
      const seamAt = bench.seams[0]!.offset;
      const faults = verify(output, 20_000).timeFaultList;
      expect(faults.filter((fault) => fault.offset >= seamAt && fault.offset < seamAt + 188 * 20)).toEqual(
        [],
      );
    }),
    { numRuns: 12 },
  );
});

test('timestamps wrap in the first source, at the seam, or in the second', () => {
  const wrapSeconds = 2 ** 33 / 90_000;
  for (const early of [1.5, 2.9, 4.5]) {
    const ts = sample('h264', 3, ['-output_ts_offset', (wrapSeconds - early).toFixed(2)]);
    for (const second of [ts, sample('h264')]) {
      const bench = new Bench();
      bench.play(bench.splicer.open(), ts, 3);
      bench.play(bench.splicer.open(), second, 3);
      const verdict = verify(bench.output);
      expect(verdict).toMatchObject(FAULTLESS);
      expect(bench.seams).toHaveLength(1);
      const video = verdict.spans.get(256)!;
      expectJoined(tickDifference(video.last, video.first), 149);
    }
  }
});

test('a clock reference that would go back makes room: a source with a longer delay after one with a short one', () => {
  const bench = new Bench();
  bench.play(bench.splicer.open(), sample('h264', 3, ['-muxdelay', '0.1', '-muxpreload', '0.1']), 3);
  bench.play(bench.splicer.open(), sample('h264', 3, ['-muxdelay', '2', '-muxpreload', '2']), 3);
  expect(verify(bench.output, 2500)).toMatchObject(FAULTLESS);
  expect(bench.seams[0]!.seam!.gapMs).toBeGreaterThan(1000);
});

describe('the gap at a seam', () => {
  test('lasts as long as nothing came', () => {
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample('h264', 3), 3);
    bench.nowMs += 4000;
    bench.play(bench.splicer.open(), sample('h264', 3), 3);
    expect(bench.seams[0]!.seam!.gapMs).toBeGreaterThan(3700);
    expect(bench.seams[0]!.seam!.gapMs).toBeLessThan(4200);
  });

  test('is no longer than a frame where the source was ahead of time', () => {
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample('h264', 3), 0.2);
    bench.nowMs += 2000;
    bench.play(bench.splicer.open(), sample('h264', 3), 3);
    expect(bench.seams[0]!.seam!.gapMs).toBe(40);
  });
});

describe('a source whose clock jumps', () => {
  test('goes on where it was: a file that loops', () => {
    const ts = sample('h264');
    const bench = new Bench();
    const feed = bench.splicer.open();
    for (let i = 0; i < 3; i++) bench.play(feed, ts);
    const verdict = verify(bench.output);
    // Tables that come before the first packet with a time have gone out with their own counters.
    expect(verdict).toMatchObject({ ...FAULTLESS, continuityErrors: expect.any(Number) });
    expect([...verdict.continuityErrorsByPid.keys()].sort((a, b) => a - b)).toEqual([0, 17, 4096]);
    expect(bench.seams.map(({ seam }) => seam)).toEqual([
      { reason: 'jump', gapMs: 40 },
      { reason: 'jump', gapMs: 40 },
    ]);
    expect(decodeErrors(bench.output)).toBe('');
    const video = verify(bench.output).spans.get(256)!;
    expect(video.last - video.first).toBe(224 * 3600);
  });

  test('is left alone if asked to', () => {
    const ts = sample('h264');
    const bench = new Bench({ smoothJumps: false });
    const feed = bench.splicer.open();
    bench.play(feed, ts, 3);
    bench.play(feed, ts, 3);
    expect(bench.output.equals(Buffer.concat([ts, ts]))).toBe(true);
  });

  test('after a seam as well, ahead by an hour', () => {
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample('hevc'), 3);
    const feed = bench.splicer.open();
    bench.play(feed, sample('hevc'), 3);
    bench.play(feed, sample('hevc', 3, ['-output_ts_offset', '3600']), 3);
    expect(verify(bench.output)).toMatchObject(FAULTLESS);
    expect(bench.seams.map(({ seam }) => seam!.reason)).toEqual(['source', 'jump']);
  });

  test('is not one with a damaged timestamp', () => {
    const ts = Buffer.from(sample('h264'));
    const times = { pts: -1, dts: -1 };
    let frames = 0;
    for (let at = 0; at < ts.length && frames < 40; at += 188) {
      const isVideo = (ts.readUInt16BE(at + 1) & 0x1fff) === 0x100;
      if (isVideo && findPesTimes(ts, at, times) === 'found') frames++;
    }
    ts[(times.dts < 0 ? times.pts : times.dts) + 1]! ^= 0x08;
    const bench = new Bench();
    bench.play(bench.splicer.open(), ts, 3);
    expect(bench.seams).toHaveLength(0);
    expect(bench.output.equals(ts)).toBe(true);
  });

  test('is not one that was silent for as long', () => {
    const bench = new Bench();
    const feed = bench.splicer.open();
    const [before, after] = [sample('h264'), sample('h264', 3, ['-output_ts_offset', '20'])];
    bench.play(feed, before, 3);
    bench.nowMs += 17_000;
    bench.play(feed, after, 3);
    expect(bench.output.equals(Buffer.concat([before, after]))).toBe(true);
  });
});

describe('taking over', () => {
  test('what the old source sends afterwards is ignored', () => {
    const bench = new Bench();
    const old = bench.splicer.open();
    bench.play(old, sample('h264'), 3);
    const feed = bench.splicer.open();
    bench.play(feed, sample('h264'), 3);
    const { offset } = bench.splicer;
    bench.play(old, sample('h264'), 1);
    expect(old.active).toBe(false);
    expect(bench.splicer.offset).toBe(offset);
  });

  test('the old source goes on until the new one has an access point', () => {
    const ts = sample('h264');
    const bench = new Bench();
    const old = bench.splicer.open();
    bench.play(old, ts.subarray(0, 100_000), 1);
    const feed = bench.splicer.open();
    feed.push(ts.subarray(188 * 30, 188 * 60));
    expect(feed.synced).toBe(true);
    expect(feed.ready).toBe(false);
    bench.play(old, ts.subarray(100_000), 1);
    expect(bench.output.equals(ts)).toBe(true);
  });

  test('by hand: the newest access point is where it starts', () => {
    const ready: string[] = [];
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample('h264'), 3);
    const feed = bench.splicer.open({ takeOver: 'manual', onReady: () => ready.push('ready') });
    expect(feed.take()).toBe(false);
    bench.play(feed, sample('h264'), 0);
    expect(ready).toEqual(['ready']);
    expect([feed.ready, feed.active]).toEqual([true, false]);
    expect(feed.take()).toBe(true);
    expect([feed.ready, feed.active]).toEqual([false, true]);
    expect(verify(bench.output)).toMatchObject(FAULTLESS);
    // Of three seconds the last one.
    const video = verify(bench.output).spans.get(256)!;
    expectJoined(video.last - video.first, 75 + 25 - 1);
  });

  test('a feed holds no more than it may', () => {
    const ts = sample('h264');
    const bench = new Bench({ holdBytes: 188 * 100 });
    bench.play(bench.splicer.open(), ts, 3);
    const feed = bench.splicer.open({ takeOver: 'manual' });
    bench.play(feed, ts, 0, 188 * 10);
    // The last keyframe is farther back than that.
    expect(ts.length - bench.accessPoints.at(-1)!.offset).toBeGreaterThan(188 * 100);
    expect(feed.ready).toBe(false);
    expect(feed.take()).toBe(false);
  });

  test('while nobody can have joined, the next source simply begins', () => {
    const ts = sample('h264');
    const bench = new Bench();
    bench.play(bench.splicer.open(), ts.subarray(188 * 30, 188 * 40));
    expect(bench.accessPoints).toHaveLength(0);
    bench.play(bench.splicer.open(), ts, 3);
    expect(bench.output.subarray(188 * 10).equals(ts)).toBe(true);
    expect(bench.accessPoints).toHaveLength(3);
    expect(bench.accessPoints[0]!.offset).toBeGreaterThanOrEqual(188 * 10);
  });

  test('bytes that are no transport stream never take over', () => {
    const bench = new Bench();
    bench.play(bench.splicer.open(), sample('h264'), 3);
    const feed = bench.splicer.open();
    bench.play(feed, Buffer.alloc(200_000, '<html>'));
    expect([feed.synced, feed.active, feed.bytesUnsynced]).toEqual([false, false, 200_000]);
  });
});

test('the PIDs of a later source change in mid-stream: the output keeps its own', () => {
  const bench = new Bench();
  bench.play(bench.splicer.open(), sample('h264'), 3);
  const feed = bench.splicer.open();
  bench.play(feed, sample('otherPids'), 3);
  bench.play(feed, sample('h264', 3, ['-output_ts_offset', '3.2']), 3);
  expect(bench.programs).toHaveLength(1);
  expect(verify(bench.output)).toMatchObject(FAULTLESS);
  expect(decodeErrors(bench.output)).toBe('');
});

test('pictures shown before the keyframe that a source starts with are left out', () => {
  const ts = sample('openGop');
  const bench = new Bench();
  bench.play(bench.splicer.open(), ts, 3);
  const seamAt = bench.splicer.offset;
  bench.play(bench.splicer.open(), ts.subarray(Math.floor(ts.length / 5)), 3);
  const rows = run('ffprobe', [
    ...['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts', '-of', 'csv=p=0'],
    writeTemporary(bench.output.subarray(seamAt)),
  ]);
  const pts = rows
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  expect(Math.min(...pts)).toBe(pts[0]);
  expect(verify(bench.output)).toMatchObject(FAULTLESS);
});

test('a viewer moved to a later access point sees no continuity error', () => {
  const bench = new Bench();
  bench.play(bench.splicer.open(), sample('twoAudios'), 3);
  const point = bench.accessPoints[2]!;
  const seen = [
    bench.output.subarray(0, 188 * 101),
    discontinuityPackets(bench.programs[0]!, point),
    point.tables,
    bench.output.subarray(point.offset),
  ];
  const verdict = verify(Buffer.concat(seen), 3000);
  expect(verdict).toMatchObject({ continuityErrors: 0, syncErrors: 0, timeFaults: 0 });
  // PAT, PMT, SDT, video with the clock, two audios.
  expect(verdict.discontinuities).toBe(6);
  // The counters are right even for a player that ignores the indicator after that packet.
  const counted = verify(Buffer.concat(seen.slice(1)));
  expect(counted.continuityErrors).toBe(0);
  expect(verify(Buffer.concat(seen.filter((_, i) => i !== 1))).continuityErrors).toBeGreaterThan(0);
});

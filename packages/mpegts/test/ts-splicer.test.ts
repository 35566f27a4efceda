import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccessPoint, type OutputMarks, type ProgramMap, TsSplicer, TsVerifier } from '../src/index.ts';
import { run, type SampleName, sample, temporaryFolder } from './samples.ts';

/** A splicer whose output and marks are kept, with a clock that is set by hand. */
class Bench {
  nowMs = 1000;
  readonly marks: OutputMarks[] = [];
  readonly #runs: Buffer[] = [];
  readonly splicer: TsSplicer;

  constructor(smoothJumps = true) {
    this.splicer = new TsSplicer({
      smoothJumps,
      now: () => this.nowMs,
      emit: (packets, marks) => {
        expect(packets.length % 188).toBe(0);
        expect(marks.offset).toBe(this.#runs.reduce((sum, one) => sum + one.length, 0));
        this.#runs.push(Buffer.from(packets));
        this.marks.push(marks);
      },
    });
  }

  get output(): Buffer {
    return Buffer.concat(this.#runs);
  }

  get accessPoints(): AccessPoint[] {
    return this.marks.flatMap((marks) => marks.accessPoints);
  }

  get programs(): ProgramMap[] {
    return this.marks.flatMap((marks) => marks.program ?? []);
  }

  /** Feeds a source at about its real pace, in chunks that respect nothing. */
  play(feed: { push(chunk: Buffer): void }, ts: Buffer, seconds: number, chunkBytes = 7001): void {
    const chunks = Math.ceil(ts.length / chunkBytes);
    for (let i = 0; i < chunks; i++) {
      const chunk = Buffer.from(ts.subarray(i * chunkBytes, (i + 1) * chunkBytes));
      feed.push(chunk);
      chunk.fill(0xee);
      this.nowMs += (seconds * 1000) / chunks;
    }
  }
}

function verify(ts: Buffer, longestStepMs = 1000) {
  const verifier = new TsVerifier({ longestStepMs });
  verifier.push(ts);
  return verifier.verdict(true);
}

let files = 0;

/** What FFmpeg complains about when it decodes everything; throws if it gives up. */
function decodeErrors(ts: Buffer): string {
  const path = join(temporaryFolder(), `spliced-${files++}.ts`);
  writeFileSync(path, ts);
  return run('sh', [
    '-c',
    `ffmpeg -v error -xerror -nostdin -i '${path}' -map 0 -enc_time_base 1:90000 -fps_mode passthrough -f null - 2>&1`,
  ]);
}

test('the first source goes out byte for byte', () => {
  const ts = sample('h264');
  const bench = new Bench();
  bench.play(bench.splicer.open(), ts, 3);
  expect(bench.output.equals(ts)).toBe(true);
  expect(bench.accessPoints).toHaveLength(3);
  expect(bench.programs).toHaveLength(1);
});

const pairs: [SampleName, SampleName, boolean][] = [
  ['h264', 'h264', false],
  ['h264', 'otherPids', false],
  ['hevc', 'hevc', false],
  ['mpeg2', 'mpeg2', false],
  ['audio', 'audio', false],
  // Its clock has a PID of its own.
  ['h264', 'm2ts', true],
  ['h264', 'twoAudios', true],
  ['twoAudios', 'h264', true],
  ['h264', 'hevc', true],
];

test.each(pairs)('%s, then %s: one stream without a fault', (first, second, changesMap) => {
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
  const verdict = verify(bench.output);
  expect(verdict).toMatchObject({ syncErrors: 0, bytesDropped: 0, continuityErrors: 0, discontinuities: 0 });
  expect(verdict.timeFaultList).toEqual([]);
  // HEVC: the packet that ends the old sequence comes first.
  const startAt = seamAt + (first === 'hevc' ? 188 : 0);
  expect(verify(bench.output.subarray(startAt)).startsClean).toBe(true);
  expect(decodeErrors(bench.output.subarray(startAt))).toBe('');
  expect(bench.programs.map((map) => map.version)).toEqual(changesMap ? [0, 1] : [0]);
  if (!changesMap) expect(decodeErrors(bench.output)).toBe('');
  const seam = bench.marks.find((marks) => marks.seam)!;
  expect(seam.seam!.reason).toBe('source');
  expect(seam.offset).toBe(seamAt);
});

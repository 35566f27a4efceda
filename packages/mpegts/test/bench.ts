import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AccessPoint,
  type OutputMarks,
  type ProgramMap,
  TsSplicer,
  type TsVerdict,
  TsVerifier,
} from '../src/index.ts';
import { run, temporaryFolder } from './samples.ts';

/** A splicer whose output and marks are kept, with a clock that is set by hand. */
export class Bench {
  nowMs = 1000;
  readonly marks: OutputMarks[] = [];
  readonly splicer: TsSplicer;
  readonly #runs: Buffer[] = [];
  #length = 0;

  constructor(options: { smoothJumps?: boolean; holdBytes?: number } = {}) {
    this.splicer = new TsSplicer({
      ...options,
      now: () => this.nowMs,
      emit: (packets, marks) => {
        expect(packets.length % 188).toBe(0);
        expect(marks.offset).toBe(this.#length);
        this.#runs.push(Buffer.from(packets));
        this.#length += packets.length;
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

  /** Runs that begin behind a seam. */
  get seams(): OutputMarks[] {
    return this.marks.filter((marks) => marks.seam);
  }

  /** Feeds bytes in chunks that respect nothing, over so many seconds. */
  play(feed: { push(chunk: Buffer): void }, ts: Buffer, seconds = 0, chunkBytes = 7001): void {
    const chunks = Math.ceil(ts.length / chunkBytes);
    for (let i = 0; i < chunks; i++) {
      const chunk = Buffer.from(ts.subarray(i * chunkBytes, (i + 1) * chunkBytes));
      feed.push(chunk);
      // As a reader does that reuses its memory.
      chunk.fill(0xee);
      this.nowMs += (seconds * 1000) / chunks;
    }
  }
}

export function verify(ts: Buffer, longestStepMs = 1000): TsVerdict {
  const verifier = new TsVerifier({ longestStepMs });
  verifier.push(ts);
  return verifier.verdict(true);
}

export const FAULTLESS = {
  syncErrors: 0,
  bytesDropped: 0,
  continuityErrors: 0,
  discontinuities: 0,
  timeFaultList: [],
} satisfies Partial<TsVerdict>;

let files = 0;

export function writeTemporary(ts: Buffer): string {
  const path = join(temporaryFolder(), `made-${files++}.ts`);
  writeFileSync(path, ts);
  return path;
}

/** What FFmpeg complains about when it decodes everything; throws if it gives up. */
export function decodeErrors(ts: Buffer): string {
  // Without a guess at the frame rate: a gap would make FFmpeg guess wrong and complain of its own rounding.
  const untouched = '-enc_time_base 1:90000 -fps_mode passthrough';
  const command = `ffmpeg -v error -xerror -nostdin -i ${writeTemporary(ts)} -map 0 ${untouched} -f null - 2>&1`;
  return run('sh', ['-c', command]);
}

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FRAMES = 'testsrc2=size=320x180:rate=25';
const TONE = 'sine=frequency=440:sample_rate=48000';
const X264 = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-x264-params',
  'keyint=25:min-keyint=25:scenecut=0',
];
const AAC = ['-c:a', 'aac', '-b:a', '64k'];

/** How each sample is made from a picture (input 0) and two tones (inputs 1 and 2). */
const RECIPES = {
  h264: ['-map', '0', '-map', '1', ...X264, '-bf', '2', ...AAC],
  hevc: [
    ...['-map', '0', '-map', '1', '-c:v', 'libx265', '-preset', 'ultrafast'],
    ...['-x265-params', 'keyint=25:min-keyint=25:scenecut=0:log-level=error', ...AAC],
  ],
  mpeg2: ['-map', '0', '-map', '1', '-c:v', 'mpeg2video', '-g', '25', '-b:v', '1M', '-c:a', 'mp2'],
  audio: ['-map', '1', ...AAC],
  twoAudios: [
    ...['-map', '0', '-map', '1', '-map', '2', ...X264, ...AAC],
    ...['-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=deu'],
  ],
  m2ts: ['-map', '0', '-map', '1', ...X264, ...AAC, '-mpegts_m2ts_mode', '1'],
  /** Other PIDs and no B frames. */
  otherPids: [
    '-map',
    '0',
    '-map',
    '1',
    ...X264,
    ...AAC,
    '-mpegts_start_pid',
    '0x200',
    '-mpegts_pmt_start_pid',
    '0x40',
  ],
  /** Pictures that follow a keyframe but are shown before it. */
  openGop: [
    ...['-map', '0', '-map', '1', '-c:v', 'mpeg2video', '-g', '25', '-bf', '2', '-b:v', '1M'],
    ...['-c:a', 'mp2'],
  ],
} as const satisfies Record<string, readonly string[]>;

export type SampleName = keyof typeof RECIPES;

let folder: string | undefined;

/** A folder of this test run, removed when it ends. */
export function temporaryFolder(): string {
  if (!folder) {
    folder = mkdtempSync(join(tmpdir(), 'mpegts-test-'));
    const made = folder;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return folder;
}

/** A transport stream made by FFmpeg: `seconds` long, 25 frames a second, a keyframe each second. */
export function sample(name: SampleName, seconds = 3, extra: readonly string[] = []): Buffer {
  const path = join(temporaryFolder(), `${name}-${seconds}-${extra.join('').replace(/\W/g, '')}.ts`);
  if (!existsSync(path)) {
    run('ffmpeg', [
      ...['-y', '-v', 'error', '-nostdin'],
      ...['-f', 'lavfi', '-i', FRAMES, '-f', 'lavfi', '-i', TONE, '-f', 'lavfi', '-i', TONE],
      ...['-t', String(seconds), ...RECIPES[name], ...extra, '-f', 'mpegts', path],
    ]);
  }
  return readFileSync(path);
}

/** Runs a program to its end and returns what it printed; throws with its errors if it fails. */
export function run(program: string, args: readonly string[], input?: Buffer): string {
  const result = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    timeout: 60_000,
  });
  if (result.status !== 0) throw new Error(`${program}: ${result.error?.message ?? ''}${result.stderr}`);
  return result.stdout;
}

/** Clears random_access_indicator in every packet, as encoders that never set it. */
export function withoutRandomAccessFlags(ts: Buffer): Buffer {
  const copy = Buffer.from(ts);
  for (let at = 0; at < copy.length; at += 188) {
    if ((copy[at + 3]! & 0x20) !== 0 && copy[at + 4]! > 0) copy[at + 5]! &= ~0x40;
  }
  return copy;
}

/** Sets random_access_indicator on the first packet of every access unit of a PID, as careless encoders do. */
export function withRandomAccessFlagsEverywhere(ts: Buffer, pid: number): Buffer {
  const copy = Buffer.from(ts);
  for (let at = 0; at < copy.length; at += 188) {
    const isStart = (copy[at + 1]! & 0x40) !== 0 && (copy.readUInt16BE(at + 1) & 0x1fff) === pid;
    if (isStart && (copy[at + 3]! & 0x20) !== 0 && copy[at + 4]! > 0) copy[at + 5]! |= 0x40;
  }
  return copy;
}

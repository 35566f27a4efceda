import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TsVerifier } from '@streampool/mpegts';
import {
  decodeErrors,
  makeSample,
  probePackets,
  runOk,
  type SampleOptions,
  TsLoop,
} from '@streampool/testkit';
import { SlateStore } from '../../src/slate/index.ts';
import { StagedIntake } from './staged-intake.ts';

const failures: string[] = [];
const store = new SlateStore({
  ffmpegPath: 'ffmpeg',
  onFailed: (error, format) => failures.push(`${format}: ${error.message}`),
});
const directory = mkdtempSync(join(tmpdir(), 'streampool-slate-'));
afterAll(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const SETS: [string, SampleOptions][] = [
  ['h264 and aac', {}],
  ['hevc and aac', { codec: 'hevc' }],
  [
    'hevc of 10 bits and ac3',
    { codec: 'hevc', extra: ['-pix_fmt', 'yuv420p10le'], audio: [{ codec: 'ac3' }] },
  ],
  ['mpeg2 and mp2', { codec: 'mpeg2', audio: [{ codec: 'mp2' }] }],
  ['h264 with open GOPs and latm', { extra: ['-x264-params', 'open-gop=1', '-mpegts_flags', '+latm'] }],
  [
    'h264 at 29.97 frames and two languages',
    {
      ...{ fps: 30_000 / 1_001, size: '426x240' },
      audio: [{ language: 'eng' }, { codec: 'mp2', language: 'deu' }],
    },
  ],
  ['aac alone', { codec: 'audio' }],
];

test.each(SETS)('%s: play, slate, play is one stream without a fault', async (name, options) => {
  const sample = await makeSample({ ...options, gopSeconds: 1, seconds: 4 });
  const loop = new TsLoop(sample);
  const stage = new StagedIntake({ store });
  stage.intake.start();
  await stage.play(loop, 4_000);
  expect(failures).toEqual([]);
  expect(await stage.learnt).toBeDefined();
  // Silent, and later so long that it is lost and another one is opened.
  await stage.wait(2_400);
  await stage.play(loop, 4_000, 6_400);
  await stage.wait(5_000);
  expect(stage.sources.length).toBeGreaterThan(1);
  await stage.play(loop, 3_000, 15_400);
  expect(stage.types).toEqual(['slate_started', 'slate_ended', 'slate_started', 'slate_ended']);
  await stage.intake.close();

  const path = join(directory, `${name.replaceAll(' ', '-')}.ts`);
  const output = stage.output;
  writeFileSync(path, output);
  const verifier = new TsVerifier({ longestStepMs: 1_800 });
  verifier.push(output);
  expect(verifier.verdict(true)).toMatchObject({
    syncErrors: 0,
    continuityErrors: 0,
    discontinuities: 0,
    timeFaultList: [],
  });
  expect(await decodeErrors(path)).toEqual([]);
  // One map: players keep their decoders and their choice of tracks.
  expect(stage.intake.program).toEqual(stage.program);
  const tracks = [...(options.codec === 'audio' ? [] : ['v:0']), ...sample.audio.map((_, i) => `a:${i}`)];
  for (const track of tracks) {
    const packets = await probePackets(path, track);
    const times = packets.map(({ pts }) => pts).sort((a, b) => a - b);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    // A second until the slate, and what the source had not finished sending.
    expect(Math.max(...gaps)).toBeLessThan(1.7);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(17);
  }
});

test('looks as it should: a picture that moves, and silence', async () => {
  const loop = new TsLoop(await makeSample({ gopSeconds: 1, seconds: 4 }));
  const stage = new StagedIntake({ store });
  stage.intake.start();
  await stage.play(loop, 4_000);
  const before = stage.output.length;
  await stage.wait(5_000);
  await stage.intake.close();
  const path = join(directory, 'slate-alone.ts');
  writeFileSync(path, stage.output.subarray(before));
  const { stderr } = await runOk('ffmpeg', [
    ...['-v', 'info', '-nostdin', '-i', path, '-vf', 'blackdetect=d=0.5'],
    ...['-af', 'volumedetect', '-f', 'null', '-'],
  ]);
  expect(stderr).toMatch(/max_volume: -(9\d|inf)/);
  expect(stderr).not.toMatch(/black_start/);
  const { stdout } = await runOk('ffmpeg', ['-v', 'error', '-i', path, '-map', '0:v', '-f', 'framemd5', '-']);
  const pictures = stdout
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('0,'));
  expect(new Set(pictures.map((line) => line.split(',').at(-1))).size).toBeGreaterThan(4);
});

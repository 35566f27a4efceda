import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Probe, probe, probePackets, TsCheck, waitFor } from '@streampool/testkit';
import {
  commandLine,
  FfmpegProcess,
  type InputKind,
  resolveTranscode,
  type TranscodeRequest,
} from '../../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'profiles-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let count = 0;

export interface Transcoded {
  readonly path: string;
  readonly probe: Probe;
  readonly video: Probe['streams'][number] | undefined;
  readonly audio: Probe['streams'];
  readonly check: TsCheck;
  readonly stderr: string[];
}

/** Runs a profile on an input to its end, as a pool would, and looks at what came out. @throws the process's error */
export async function transcode(
  request: TranscodeRequest,
  url: string,
  kind: InputKind,
): Promise<Transcoded> {
  const chunks: Buffer[] = [];
  const check = new TsCheck();
  let ended: { error: Error | undefined } | undefined;
  const ffmpeg = new FfmpegProcess(
    {
      ffmpegPath: 'ffmpeg',
      args: commandLine(resolveTranscode(request).args, url, kind),
      stallTimeoutMs: 20_000,
      startTimeoutMs: 20_000,
      stopGraceMs: 1_000,
    },
    {
      data: (chunk) => {
        chunks.push(chunk);
        check.push(chunk);
      },
      progress: () => {},
      exit: (error) => {
        ended = { error };
      },
    },
  );
  ffmpeg.start();
  try {
    await waitFor(() => ended, {
      timeoutMs: 25_000,
      what: () => `FFmpeg to end: ${ffmpeg.stderrTail().join('\n')}`,
    });
  } finally {
    await ffmpeg.stop();
  }
  if (ended?.error) throw ended.error;
  count += 1;
  const path = join(folder, `${count}.ts`);
  writeFileSync(path, Buffer.concat(chunks));
  const found = await probe(path);
  return {
    path,
    probe: found,
    video: found.streams.find(({ codec_type }) => codec_type === 'video'),
    audio: found.streams.filter(({ codec_type }) => codec_type === 'audio'),
    check,
    stderr: ffmpeg.stderrTail(),
  };
}

/** Seconds between one keyframe and the next, and the last one and the end. */
export async function keyframeDistances(path: string): Promise<number[]> {
  const packets = await probePackets(path);
  const times = packets.filter(({ key }) => key).map(({ pts }) => pts);
  times.push(Math.max(...packets.map(({ pts }) => pts)));
  return times.slice(1).map((time, at) => time - times[at]!);
}
